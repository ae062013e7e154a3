# Every block of SQL in docs/handlers.md runs, in order, as the role that its first line names, and the three examples do what
# they say, under the worker. The steps: the blocks; then a campaign that starts (one call in the outbox), reaches its target (closed by
# its reminder, hours before its end), and one that does not and closes in its time (e-mails to its participants, each once).

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = campaign_server('handler_examples');
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');

my @blocks = slurp_file('docs/handlers.md') =~ /^```sql\n(.*?)^```$/msg;
cmp_ok(scalar @blocks, '>=', 7, 'docs/handlers.md has at least seven blocks of SQL');
for my $block (@blocks)
{
	my ($role) = $block =~ /\A-- as (\w+)\n/ or die "a block does not say as whom:\n$block";
	$role = $superuser if $role eq 'postgres';
	my ($code, undef, $err) = $node->psql('postgres', $block, on_error_stop => 1, extra_params => [ '-U', $role ]);
	is("$code $err", '0 ', 'runs as it stands: ' . ($block =~ /\n\s*(\S[^\n]*)/)[0]);
}

sub as_shop
{
	my ($query) = @_;
	my ($code, $out, $err) = $node->psql('postgres', $query, extra_params => [ '-U', 'shop' ]);
	die $err if $code != 0;
	return $out;
}

# An HTTP call.
my $early = as_shop(q{SELECT create_campaign(48, metadata => '{"target": 2}')});
poll_is($node, 'postgres', "SELECT c.status, count(o.id) FROM campaigns AS c LEFT JOIN shop.outbox AS o ON o.body ->> 'campaign_id' = c.id::text WHERE c.id = '$early' GROUP BY c.id",
	'RUNNING|1', 'a campaign that starts has one call in the outbox');
query_is($node, 'postgres', "SELECT x.result -> 'handler' ->> 'outbox' = t.id::text FROM campaign_timers AS t JOIN timer_executions AS x ON x.timer_id = t.id WHERE t.campaign_id = '$early' AND t.timer_type = 'START_CAMPAIGN'",
	't', 'the execution of START_CAMPAIGN names the call');

# The target: not yet, and reached.
my $reminder = "SELECT id FROM campaign_timers WHERE campaign_id = '%s' AND timer_type = 'REWARD_REMINDER' AND status = 'PENDING'";
is(as_shop("SELECT scheduled_at BETWEEN now() + '59 minutes' AND now() + '61 minutes' FROM campaign_timers WHERE campaign_id = '$early' AND timer_type = 'REWARD_REMINDER'"), 't', 'the handler has set a reminder in an hour');
as_shop("INSERT INTO shop.participants VALUES ('$early', 'a\@example.org')");
as_shop("SELECT reschedule_timer((" . sprintf($reminder, $early) . "), now())");
poll_is($node, 'postgres', "SELECT status, count(*) FROM campaign_timers WHERE campaign_id = '$early' AND timer_type = 'REWARD_REMINDER' GROUP BY status ORDER BY status", "COMPLETED|1\nPENDING|1",
	'a campaign below its target gets another reminder');
as_shop("INSERT INTO shop.participants VALUES ('$early', 'b\@example.org')");
as_shop("SELECT reschedule_timer((" . sprintf($reminder, $early) . "), now())");
poll_is($node, 'postgres', "SELECT c.status, l.trigger_event, l.metadata ->> 'participants' FROM campaigns AS c JOIN campaign_state_log AS l ON l.campaign_id = c.id AND l.to_state = 'CLOSED' WHERE c.id = '$early'",
	'CLOSED|TARGET_REACHED|2', 'a campaign that has reached its target is closed early');
query_is($node, 'postgres', "SELECT timer_type FROM campaign_timers WHERE campaign_id = '$early' AND status = 'PENDING' ORDER BY 1", "EXPIRE_CAMPAIGN\nREWARD_REMINDER", 'the campaign closed early has the timers of its new state');

# E-mails.
my $late = as_shop(q{SELECT create_campaign(48, metadata => '{"target": 1000}')});
poll_is($node, 'postgres', "SELECT status FROM campaigns WHERE id = '$late'", 'RUNNING', 'another campaign is RUNNING');
as_shop("INSERT INTO shop.participants SELECT '$late', n || '\@example.org' FROM generate_series(1, 100) AS n");
as_shop("SELECT reschedule_timer(id, now()) FROM campaign_timers WHERE campaign_id = '$late' AND timer_type = 'CLOSE_CAMPAIGN'");
poll_is($node, 'postgres', "SELECT c.status, (SELECT count(*) FROM shop.email_queue AS q WHERE q.campaign_id = c.id) FROM campaigns AS c WHERE c.id = '$late'", 'CLOSED|100',
	'a campaign that closes in its time writes to each participant');
query_is($node, 'postgres', "SELECT x.result -> 'handler' FROM campaign_timers AS t JOIN timer_executions AS x ON x.timer_id = t.id WHERE t.campaign_id = '$late' AND t.timer_type = 'CLOSE_CAMPAIGN'",
	'{"queued": 100}', 'the execution says how many e-mails were queued');
query_is($node, 'postgres', "SELECT count(*) FROM timer_executions WHERE status = 'FAILED'", 0, 'no attempt has failed');
check_invariants($node, 'postgres', 'after the examples');

$node->stop;
done_testing();
