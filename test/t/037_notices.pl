# Setting a timer by hand tells the user what it means for the campaign: which timers of policies move behind it, where it does nothing, and
# where it takes the place of a timer that a policy would set.

use strict;
use warnings FATAL => 'all';
use CampaignServer;
use Test::More;

my $node = campaign_server('notices', conf => "campaign_lifecycle.enabled = off\n");

# The notices of a statement, each with its hint, without ids and times.
sub notices_of
{
	my ($statement) = @_;
	my (undef, undef, $err) = $node->psql('postgres', $statement);
	$err =~ s/[0-9a-f]{8}-[0-9a-f-]{27}/ID/g;
	$err =~ s/\d{4}-\d\d-\d\d [0-9:.]+[+-]\d\d/TIME/g;
	return [ $err =~ /^(?:psql:\S+ )?(?:NOTICE|HINT):  (.*)$/mg ];
}

sub new_campaign
{
	my ($start, $to) = @_;
	my $id = $node->safe_psql('postgres', "SELECT create_campaign(24, $start)");
	$node->safe_psql('postgres', "SELECT transition_campaign('$id', s) FROM unnest('$to'::text[]) AS s") if $to;
	return $id;
}

sub timer { my ($id, $type) = @_; return "(SELECT id FROM campaign_timers WHERE campaign_id = '$id' AND timer_type = '$type' AND status = 'PENDING')" }

my $running = new_campaign("now() + '1 hour'", '{RUNNING}');
is_deeply(notices_of("SELECT schedule_timer('$running', 'REWARD_REMINDER', now() + '2 hours')"),
	[ 'the REWARD_REMINDER timer of campaign ID takes the place of the one that state CLOSED brings', 'The campaign enters CLOSED at TIME. No policy sets a timer of a type that waits.',
		'the REWARD_REMINDER timer of campaign ID does nothing in state RUNNING, in which the campaign will then be', 'It acts in CLOSED, REWARD_CLAIM.' ],
	'a reminder before the end does nothing, and takes the place of the one that opens the claim');
my $late = new_campaign("now() + '1 hour'", '{RUNNING}');
is_deeply(notices_of("SELECT schedule_timer('$late', 'REWARD_REMINDER', now() + '25 hours 5 minutes')"),
	[ 'the REWARD_REMINDER timer of campaign ID takes the place of the one that state CLOSED brings', 'The campaign enters CLOSED at TIME. No policy sets a timer of a type that waits.' ],
	'a reminder after the end takes the place of the one that opens the claim');
my $closed = new_campaign("now() + '1 hour'", '{RUNNING,CLOSED}');
is_deeply(notices_of("SELECT reschedule_timer(${\timer($closed, 'REWARD_REMINDER')}, now() + '1 hour')"), [], 'a reminder in CLOSED says nothing');
is_deeply(notices_of("SELECT schedule_timer('$closed', 'START_CAMPAIGN', now() + '1 hour')"),
	[ 'the START_CAMPAIGN timer of campaign ID does nothing in state REWARD_CLAIM, in which the campaign will then be', 'It acts in CREATED.' ],
	'a START after the start does nothing');
my $put_off = new_campaign("now() + '1 hour'", '{RUNNING}');
is_deeply(notices_of("SELECT reschedule_timer(${\timer($put_off, 'CLOSE_CAMPAIGN')}, now() + '2 days')"),
	[ 'the EXPIRE_CAMPAIGN timer of campaign ID moves to TIME', 'A policy has set it. It comes after the CLOSE_CAMPAIGN timer, which would be too late otherwise.' ],
	'a CLOSE put off moves the EXPIRE behind it');
is_deeply(notices_of("SELECT reschedule_timer(${\timer($put_off, 'CLOSE_CAMPAIGN')}, now() + '3 hours')"),
	[ 'the EXPIRE_CAMPAIGN timer of campaign ID moves to TIME', 'A policy has set it. It comes after the CLOSE_CAMPAIGN timer, which would be too late otherwise.' ],
	'a CLOSE that comes earlier again moves it back');
my $waiting = new_campaign('NULL', '');
is_deeply(notices_of("SELECT schedule_timer('$waiting', 'START_CAMPAIGN', now() + '1 hour')"), [], 'a START of a campaign without start_time says nothing');

# A timer that is being executed is not waited for.
my $locked = new_campaign("now() + '1 hour'", '{RUNNING}');
my $holder = $node->background_psql('postgres');
$holder->query_safe("BEGIN; SELECT 1 FROM campaign_timers WHERE campaign_id = '$locked' AND timer_type = 'EXPIRE_CAMPAIGN' FOR UPDATE");
is_deeply(notices_of("SET lock_timeout = '2s'; SELECT reschedule_timer(${\timer($locked, 'CLOSE_CAMPAIGN')}, now() + '2 days')"),
	[ 'the CLOSE_CAMPAIGN timer of campaign ID does nothing in state EXPIRED, in which the campaign will then be', 'It acts in RUNNING.' ], 'a locked timer stays where it is');
$holder->query_safe('ROLLBACK');
$holder->quit;

$node->stop;
done_testing();
