# Every block of SQL in docs/recipes.md runs as it stands, as the role that its first line names, and does what the page says. The variable
# "campaign" of psql is set to the campaign that the recipe is tried with. Hours pass by moving times in the tables.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = campaign_server('recipes');
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');

# Which blocks a section has, by the heading above them.
my (%blocks, $section);
for my $part (split /^(#+ [^\n]+)\n/m, slurp_file('docs/recipes.md'))
{
	$section = $1 if $part =~ /^#+ ([^\n]+)$/;
	push @{ $blocks{$section} }, $part =~ /^```sql\n(.*?)^```$/msg if defined $section;
}

# Run the next block of a section. Return what it prints.
sub run_next
{
	my ($of, $campaign) = @_;
	my $block = shift @{ $blocks{$of} } // die "no block is left of: $of";
	my ($role) = $block =~ /\A-- as (\w+)\n/ or die "a block does not say as whom:\n$block";
	$role = $superuser if $role eq 'postgres';
	my ($code, $out, $err) = $node->psql('postgres', $block, on_error_stop => 1, extra_params => [ '-U', $role, '-v', 'campaign=' . ($campaign // '') ]);
	is("$code " . ($err =~ s/^.*NOTICE: .*\n?|^(?:HINT|LOCATION): .*\n?//mgr), '0 ', "$of: runs as it stands: " . ($block =~ /\n\s*(\S[^\n]*)/)[0]);
	return $out;
}

sub sql { return $node->safe_psql('postgres', $_[0]) }

# Create a campaign, and wait until the worker has brought it to a state.
sub campaign_in
{
	my ($state, $hours, %options) = @_;
	my $began = $options{ago} ? "now() - interval '$options{ago}'" : 'now()';
	my $id = sql("SELECT create_campaign($hours, $began, metadata => '" . ($options{metadata} // '{}') . "')");
	poll_is($node, 'postgres', "SELECT status FROM campaigns WHERE id = '$id'", $state, "a campaign is $state");
	return $id;
}

# HALF_TIME of a campaign that ends within a day is due at once.
sub waiting { return "SELECT string_agg(timer_type, ' ' ORDER BY timer_type) FROM campaign_timers WHERE campaign_id = '$_[0]' AND status = 'PENDING' AND timer_type <> 'HALF_TIME'" }
sub status_is { my ($id, $state, $name) = @_; return query_is($node, 'postgres', "SELECT status FROM campaigns WHERE id = '$id'", $state, $name) }
sub due_now { my ($id, $type) = @_; return sql("SELECT reschedule_timer(id, now()) FROM campaign_timers WHERE campaign_id = '$id' AND timer_type = '$type' AND status = 'PENDING'") }

run_next('Recipes');

# A pause takes its time, and a campaign that is resumed after its end closes at once.
run_next('A paused campaign');
my ($pause, $resume) = splice @{ $blocks{'A paused campaign'} }, 0, 2;
sub try_pause { my ($id, $block) = @_; $blocks{'A paused campaign'} = [$block]; return run_next('A paused campaign', $id) }
my $paused = campaign_in('RUNNING', 48);
my $end = sql("SELECT end_time FROM campaigns WHERE id = '$paused'");
try_pause($paused, $pause);
query_is($node, 'postgres', waiting($paused), '', 'a PAUSED campaign has no timers');
try_pause($paused, $resume);
query_is($node, 'postgres', waiting($paused), 'CLOSE_CAMPAIGN EXPIRE_CAMPAIGN', 'its timers are back when it is resumed');
query_is($node, 'postgres', "SELECT end_time = '$end' FROM campaigns WHERE id = '$paused'", 't', 'its end is where it was');
try_pause($paused, $pause);
sql("UPDATE campaigns SET start_time = now() - interval '50 hours' WHERE id = '$paused'");
try_pause($paused, $resume);
poll_is($node, 'postgres', "SELECT status FROM campaigns WHERE id = '$paused'", 'CLOSED', 'a campaign that is resumed after its end closes at once');

my $generous = campaign_in('RUNNING', 48);
try_pause($generous, $pause);
sql("UPDATE campaigns SET start_time = start_time - interval '290 minutes' WHERE id = '$generous'; UPDATE campaign_state_log SET created_at = created_at - interval '290 minutes' WHERE campaign_id = '$generous'");
run_next('Giving the lost time back');
run_next('Giving the lost time back', $generous);
query_is($node, 'postgres', "SELECT status, duration_hours, (SELECT scheduled_at = end_time FROM campaign_timers WHERE campaign_id = c.id AND timer_type = 'CLOSE_CAMPAIGN' AND status = 'PENDING') FROM campaigns AS c WHERE id = '$generous'",
	'RUNNING|53|t', 'a campaign that was paused for almost five hours runs five hours longer');
try_pause($generous, $pause);
sql("SELECT cancel_campaign('$generous')");
status_is($generous, 'EXPIRED', 'a PAUSED campaign can be cancelled');

run_next('CANCELLED as a state of its own');
my $cancelled = campaign_in('RUNNING', 48);
run_next('CANCELLED as a state of its own', $cancelled);
query_is($node, 'postgres', "SELECT c.status, l.metadata ->> 'reason', (SELECT count(*) FROM campaign_timers WHERE campaign_id = c.id AND status = 'PENDING') FROM campaigns AS c JOIN campaign_state_log AS l ON l.campaign_id = c.id AND l.to_state = 'CANCELLED' WHERE c.id = '$cancelled'",
	'CANCELLED|the sponsor has withdrawn|0', 'a cancelled campaign is CANCELLED and has no timers left');
my $early = sql("SELECT create_campaign(48, now() + interval '1 day')");
sql("SELECT cancel_campaign('$early')");
status_is($early, 'CANCELLED', 'one that has not started can be cancelled, too');
my $still = campaign_in('RUNNING', 48);
due_now($still, 'EXPIRE_CAMPAIGN');
poll_is($node, 'postgres', "SELECT status FROM campaigns WHERE id = '$still'", 'EXPIRED', 'one that has run to its end is still EXPIRED');

run_next('An e-mail at half-time') for 1, 2;
my $halfway = campaign_in('RUNNING', 30);
query_is($node, 'postgres', "SELECT t.scheduled_at = c.start_time + interval '15 hours' FROM campaigns AS c JOIN campaign_timers AS t ON t.campaign_id = c.id AND t.timer_type = 'HALF_TIME' WHERE c.id = '$halfway'",
	't', 'a campaign of 30 hours has a timer after 15');
sql("INSERT INTO shop.participants SELECT '$halfway', n || '\@example.org' FROM generate_series(1, 3) AS n");
due_now($halfway, 'HALF_TIME');
poll_is($node, 'postgres', "SELECT count(*) FROM shop.email_queue WHERE campaign_id = '$halfway'", 3, 'each participant gets an e-mail');
query_is($node, 'postgres', "SELECT x.result FROM timer_executions AS x JOIN campaign_timers AS t ON t.id = x.timer_id AND t.timer_type = 'HALF_TIME' WHERE t.campaign_id = '$halfway'",
	'{"event": "HALF_TIME", "handler": {"queued": 3}}', 'the execution says how many');
sql("SELECT transition_campaign('$halfway', 'PAUSED')");
sql("SELECT transition_campaign('$halfway', 'RUNNING')");
due_now($halfway, 'HALF_TIME');
poll_is($node, 'postgres', "SELECT count(*) FROM campaign_timers WHERE campaign_id = '$halfway' AND timer_type = 'HALF_TIME' AND status = 'COMPLETED'", 2, 'it is RUNNING a second time');
query_is($node, 'postgres', "SELECT count(*) FROM shop.email_queue WHERE campaign_id = '$halfway'", 3, 'and nobody gets a second e-mail');

run_next('Weekly campaigns');
my $weekly = run_next('Weekly campaigns');
poll_is($node, 'postgres', "SELECT status FROM campaigns WHERE id = '$weekly'", 'RUNNING', 'a weekly campaign has started');
# The clocks in Lisbon go back on 31 October 2027.
sql("UPDATE campaigns SET start_time = '2027-10-29 10:00 Europe/Lisbon' WHERE id = '$weekly'");
due_now($weekly, 'CLOSE_CAMPAIGN');
poll_is($node, 'postgres', "SELECT status, start_time AT TIME ZONE 'Europe/Lisbon', duration_hours, metadata FROM campaigns WHERE metadata ? 'weekly_in_zone' AND id <> '$weekly'",
	'CREATED|2027-11-05 10:00:00|24|{"weekly_in_zone": "Europe/Lisbon"}', 'when it closes, the next one is there, at the same time of the day');

run_next('A campaign in a local time zone');
my $local = run_next('A campaign in a local time zone');
query_is($node, 'postgres', "SELECT duration_hours, start_time AT TIME ZONE 'Europe/Berlin', end_time AT TIME ZONE 'Europe/Berlin' FROM campaigns WHERE id = '$local'",
	'47|2027-03-27 10:00:00|2027-03-29 10:00:00', 'a campaign over the change of clocks ends when the wall says so');
like(($node->psql('postgres', "SELECT shop.create_local_campaign('2027-04-03 10:00', '2027-04-05 10:00', 'Australia/Lord_Howe')"))[2], qr/whole hours, not 48\.5/, 'half an hour more is refused');

my $clone = run_next(q{Last year's campaign again}, $halfway);
query_is($node, 'postgres', "SELECT n.status, n.duration_hours, n.start_time AT TIME ZONE 'Europe/Lisbon' = o.start_time AT TIME ZONE 'Europe/Lisbon' + interval '1 year', n.metadata ->> 'clone_of' = o.id::text
	FROM campaigns AS n, campaigns AS o WHERE n.id = '$clone' AND o.id = '$halfway'", 'CREATED|30|t|t', 'a clone starts a year later');
query_is($node, 'postgres', waiting($clone), 'CLOSE_CAMPAIGN EXPIRE_CAMPAIGN START_CAMPAIGN', 'it has the timers of a new campaign');

# Every table is read as text.
check_invariants($node, 'postgres', 'before a campaign is deleted');
sql("SELECT record_metric('$still', 'PARTICIPANT_COUNT', 3)");
sql("UPDATE campaign_state_log SET created_at = created_at - interval '2 years' WHERE campaign_id = '$still' AND to_state <> 'EXPIRED'; SELECT archive_old_state_logs()");
my $traces = 'SELECT ' . join ' + ', map { "(SELECT count(*) FROM $_ AS t WHERE t::text LIKE '%$still%')" }
  split /\n/, sql(q{SELECT c.oid::regclass FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'});
isnt(sql("SELECT count(*) FROM campaign_state_log_archive WHERE campaign_id = '$still'"), '0', 'a campaign has left traces in the archive');
isnt(sql($traces), '0', 'and elsewhere');
run_next('Deleting a campaign for good', $still);
is(sql($traces), '0', 'none is left after its deletion for good');

run_next('Reopening a campaign');
my $closed = campaign_in('CLOSED', 30, ago => '31 hours');
run_next('Reopening a campaign', $closed);
query_is($node, 'postgres', "SELECT status, end_time BETWEEN now() + interval '23 hours 50 minutes' AND now() + interval '25 hours' FROM campaigns WHERE id = '$closed'", 'RUNNING|t',
	'a closed campaign runs for another day');
query_is($node, 'postgres', waiting($closed), 'CLOSE_CAMPAIGN EXPIRE_CAMPAIGN', 'with the timers of RUNNING');
my $expired = campaign_in('RUNNING', 48);
due_now($expired, 'EXPIRE_CAMPAIGN');
poll_is($node, 'postgres', "SELECT status FROM campaigns WHERE id = '$expired'", 'EXPIRED', 'a campaign is EXPIRED');
sql("UPDATE campaigns SET start_time = now() - interval '100 days' WHERE id = '$expired'");
run_next('Reopening a campaign', $expired);
query_is($node, 'postgres', "SELECT status, end_time BETWEEN now() + interval '23 hours 50 minutes' AND now() + interval '25 hours' FROM campaigns WHERE id = '$expired'", 'RUNNING|t',
	'an expired campaign runs for another day');
query_is($node, 'postgres', q{SELECT count(*) FROM campaign_state_transitions WHERE from_state = 'EXPIRED'}, 0, 'EXPIRED is terminal again');
due_now($expired, 'EXPIRE_CAMPAIGN');
poll_is($node, 'postgres', "SELECT status FROM campaigns WHERE id = '$expired'", 'EXPIRED', 'and it can expire again');

query_is($node, 'postgres', q{SELECT count(*) FROM timer_executions WHERE status = 'FAILED'}, 0, 'no attempt has failed');
is(join(', ', grep { @{ $blocks{$_} } } sort keys %blocks), '', 'every block of the page was run');
$node->stop;
done_testing();
