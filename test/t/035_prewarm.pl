# Shortly before a timer that stands alone is due, the worker reads the pages of indexes where the batch will insert entries. An error
# would be ignored there, so the test looks at the server's statistics: a batch inserts into these indexes and scans none of them.

use strict;
use warnings FATAL => 'all';
use CampaignServer;
use Test::More;

my $node = campaign_server('prewarm');

# A column of each kind that an index may have, in a table that batches insert into; one index is of an expression.
$node->safe_psql('postgres', q{
	ALTER TABLE campaign_metrics ADD COLUMN kind text DEFAULT 'x', ADD COLUMN tags text[], ADD COLUMN missing integer;
	CREATE INDEX own_plain ON campaign_metrics (kind COLLATE "C" DESC, tags, missing NULLS FIRST) INCLUDE (value);
	CREATE INDEX own_expression ON campaign_metrics (lower(kind));
});
my $id = $node->safe_psql('postgres', "SELECT create_campaign(1, now() + interval '3 seconds')");
ok($node->poll_query_until('postgres', "SELECT status = 'RUNNING' FROM campaigns WHERE id = '$id'"), 'worker starts the campaign');

my $scanned = q{
	FROM pg_stat_user_indexes AS s JOIN pg_index AS i ON i.indexrelid = s.indexrelid
	WHERE i.indexprs IS NULL AND (s.relname IN ('timer_executions', 'campaign_metrics') OR s.relid IN (SELECT tableoid FROM campaign_state_log))
		AND (SELECT relam FROM pg_class WHERE oid = s.indexrelid) = (SELECT oid FROM pg_am WHERE amname = 'btree')};
ok($node->poll_query_until('postgres', "SELECT bool_and(idx_scan > 0) AND count(DISTINCT relname) = 3 $scanned"),
	'prewarming reads every B-tree of the execution, the metric and the log entry')
  or diag($node->safe_psql('postgres', "SELECT relname, indexrelname, idx_scan $scanned ORDER BY 1, 2"));
is($node->safe_psql('postgres', "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'own_expression'"),
	0, 'prewarming reads no index of an expression');

done_testing();
