# Users who type are told: a name that is no event is refused when it is set, and notices name what stays as it was.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use Test::More;

my $node = campaign_server('typed');

scenario(
	'notify_events',
	sub {
		my ($code, $out, $err) = $node->psql('postgres', q{ALTER SYSTEM SET campaign_lifecycle.notify_events = 'timer.executed, timer.done'});
		isnt($code, 0, 'a misspelt event is refused');
		like($err, qr/invalid value for parameter "campaign_lifecycle\.notify_events"/, 'by the server');
		like($err, qr/There is no event "timer\.done"\./,                              'with its name');
		like($err, qr/HINT:  Events are campaign\.created, campaign\.status\.changed, reward\.reminder, timer\.executed, timer\.retry_scheduled and timer\.failed\./, 'and those there are');
		$node->append_conf('postgresql.conf', "campaign_lifecycle.notify_events = 'campaign.closed'\n");
		$node->reload;
		$node->safe_psql('postgres', q{ALTER SYSTEM SET campaign_lifecycle.notify_events = 'Timer.Executed , "timer.failed",campaign.status.changed'});
		$node->reload;
		ok($node->poll_query_until('postgres', q{SELECT current_setting('campaign_lifecycle.notify_events') ~ 'Executed'}), 'names there are, with spaces and quotes, are taken');
		$node->safe_psql('postgres', 'ALTER SYSTEM RESET campaign_lifecycle.notify_events');
	});

in_database(
	$node,
	'notices',
	sub {
		my ($db) = @_;
		my $campaign = $node->safe_psql($db, q{SELECT create_campaign(24, '2100-01-01 10:00+00')});
		$node->safe_psql($db, q{SELECT reschedule_timer(id, '2100-01-05 10:00+00') FROM campaign_timers WHERE timer_type = 'CLOSE_CAMPAIGN'});
		my ($code, $out, $err) = $node->psql($db, "SET timezone = 'UTC'; SELECT reschedule_campaign('$campaign', duration_hours => 48)");
		like($err, qr/NOTICE:  timer CLOSE_CAMPAIGN was set by hand and stays at 2100-01-05 10:00:00\+00/, 'reschedule_campaign() names the timer that stays');
		unlike($err, qr/EXPIRE_CAMPAIGN/, 'and no other');
		($code, $out, $err) = $node->psql($db, q{SELECT reschedule_timer(id, now() + interval '1 hour') FROM campaign_timers WHERE timer_type = 'CLOSE_CAMPAIGN' AND false;
			SELECT schedule_campaign_timers(id) FROM campaigns});
		is($err, '', 'other calls say nothing');
		$node->safe_psql($db, "INSERT INTO campaigns (duration_hours, start_time) SELECT 24, now() + interval '1 day' FROM generate_series(1, 5)");
		($code, $out, $err) = $node->psql($db, 'SELECT schedule_missing_timers(2)');
		is($out, 2, 'schedule_missing_timers() counts those that it has given timers');
		like($err, qr/NOTICE:  campaigns that were given timers: 2, that are left: 3/, 'and says how many are left');
		($code, $out, $err) = $node->psql($db, 'SELECT schedule_missing_timers()');
		is("$out $err", '3 ', 'the last call says nothing');
	});

done_testing();
