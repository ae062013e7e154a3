# Every statement of README.md, from the first campaign to the tests of an application, runs as it stands, one after another in one psql.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = campaign_server('readme');
my ($text) = slurp_file('README.md') =~ /^(## The first campaign\n.*?)^## Monitoring/ms;
my @blocks = ($text // '') =~ /^```sql\n(.*?)^```$/msg;
cmp_ok(scalar @blocks, '>=', 12, 'README.md has blocks of SQL');

# The first campaign starts sooner. test/t/076_copies.pl has the TRUNCATE.
$blocks[0] =~ s/interval '5 seconds'/interval '100 milliseconds'/ or die 'the first block creates no campaign';
splice @blocks, 1, 0, 'SELECT pg_sleep(1);';
@blocks = grep { !/^TRUNCATE/ } @blocks;

my ($code, $out, $err) = $node->psql('postgres', join("\n", @blocks), on_error_stop => 1);
is($code, 0, 'psql runs all of them') or diag($err);
unlike($err, qr/^(?:psql:\S+ )?(?:ERROR|WARNING)/m, 'no statement raises an error or a warning');
query_is($node, 'postgres', q{SELECT string_agg(format('%s %s %s', to_state, trigger_event, l.metadata ->> 'changed_by'), ', ' ORDER BY l.created_at, l.id)
	FROM campaign_state_log AS l WHERE l.metadata ->> 'changed_by' = 'ana@example.org'}, 'RUNNING EARLY_START ana@example.org, EXPIRED CANCELLED ana@example.org', 'the log says who and why, in both ways');
query_is($node, 'postgres', q{SELECT count(*) FROM campaigns AS c WHERE c.status = 'CREATED' AND (SELECT count(*) FROM campaign_timers AS t WHERE t.campaign_id = c.id) = 3}, 1, 'the campaign of plain SQL has its timers');
check_invariants($node, 'postgres', 'after all of it');

$node->stop;
done_testing();
