# A copy of a database has every row and object, makes no message, and executes no timer.
#
# Two databases have rows in every table: campaigns in every state, timers overdue, put off and dead, 15 months of log of which some
# are archived, an edited lifecycle, columns, indexes, triggers and a check of the user's. One is in public and a superuser's, one in
# a schema with an odd name and a plain role's. Each is copied in every way that PostgreSQL has for it. Not one line comes on stderr;
# every row and every object is there, the user's included; and no timer is executed until resume_timers().

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignCopies;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = campaign_server('backup', extension => 0, conf => "autovacuum = off\ncampaign_lifecycle.retry_base_delay = '1h'\nmax_worker_processes = 32\n");
my $folder = PostgreSQL::Test::Utils::tempdir();
my %schema = (original => 'public', owned => 'My Schema');
create_filled_database($node, 'original');
create_filled_database($node, 'owned', schema => $schema{owned}, owner => 1);
my (%content, %objects);
for my $db (sort keys %schema)
{
	$content{$db} = [ table_contents($node, $db, $schema{$db}) ];
	$objects{$db} = [ schema_objects($node, $db, $schema{$db}) ];
	check_invariants($node, $db, $db, schema => $schema{$db});
}
query_is($node, 'original', q{SELECT string_agg(DISTINCT status, ' ' ORDER BY status) FROM campaigns}, 'CLOSED CREATED EXPIRED REWARD_CLAIM RUNNING', 'the original has campaigns in every state');
query_is($node, 'original', q{SELECT string_agg(DISTINCT status, ' ' ORDER BY status) FROM campaign_timers}, 'CANCELLED COMPLETED FAILED PENDING', 'the original has timers that are done, waiting and failed');
query_is($node, 'original', q{SELECT (SELECT count(*) FROM dead_timers), (SELECT count(*) > 0 FROM campaign_state_log_archive)}, '2|t', 'the original has two dead letters and an archive');

#---------------------------------------------------------------------------------------------------------------------
# Every way to copy. psql and pg_restore stop at the first error.

my @psql = ('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1');
my %made;

sub new_copy
{
	my ($db, $way) = @_;
	my $copy = "${db}_$way";
	$node->safe_psql('postgres', "CREATE DATABASE $copy");
	$made{$copy} = $db;
	return $node->connstr($copy);
}

# This comes first, because it takes all databases.
my $other = PostgreSQL::Test::Cluster->new('other');
$other->init(extra => [ '-U', 'admin' ]);
$other->append_conf('postgresql.conf', slurp_file('test/postgresql.conf'));
$other->start;
runs_silently('pg_dumpall', [ 'pg_dumpall', '-f', "$folder/all.sql", '-d', $node->connstr('postgres') ]);
# The role that initdb made there has another name, so that none of the dump's exists.
runs_silently('psql of all databases', [ @psql, '-f', "$folder/all.sql", '-d', $other->connstr('postgres'), '-U', 'admin' ]);

for my $db (sort keys %schema)
{
	my $from = $node->connstr($db);

	runs_silently("$db: pg_dump | psql", [ 'pg_dump', $from ], [ @psql, '-d', new_copy($db, 'plain') ]);

	runs_silently("$db: pg_dump -Fc", [ 'pg_dump', '-Fc', '-f', "$folder/$db.dump", $from ]);
	runs_silently("$db: pg_restore", [ 'pg_restore', '--exit-on-error', '-d', new_copy($db, 'custom'), "$folder/$db.dump" ]);

	runs_silently("$db: pg_dump -Fd -j4", [ 'pg_dump', '-Fd', '-j4', '-f', "$folder/$db", $from ]);
	runs_silently("$db: pg_restore -j4", [ 'pg_restore', '--exit-on-error', '-j4', '-d', new_copy($db, 'parallel'), "$folder/$db" ]);

	my $to = new_copy($db, 'in_two');
	runs_silently("$db: pg_dump -s", [ 'pg_dump', '-s', $from ], [ @psql, '-d', $to ]);
	runs_silently("$db: pg_dump -a --disable-triggers", [ 'pg_dump', '-a', '--disable-triggers', $from ], [ @psql, '-d', $to ]);

	$made{"${db}_template"} = $db;
	runs_silently("$db: CREATE DATABASE ... TEMPLATE", [ @psql, '-d', $node->connstr('postgres'), '-c', "CREATE DATABASE ${db}_template TEMPLATE $db" ]);
}

#---------------------------------------------------------------------------------------------------------------------
# Each is the original, and has executed nothing while a database beside did.

for my $server ($node, $other)
{
	create_campaign_database($server, 'beside');
	add_due_campaigns($server, 'beside', 1);
	poll_is($server, 'beside', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 1, 'a worker executes a timer of another database beside the copies');
}

# --disable-triggers enables a trigger that fires ALWAYS as any other; resume_timers() mends that. pg_dump -a refreshes no materialized
# view; the worker does.
my $views = qr/^(?:relation [^.]+\.)?mv_/;
my $triggers = qr/$views|^trigger wake_worker/;
# Members of the extension belong to the role that ran CREATE EXTENSION, which is another one there.
my $members = qr/^(?:extension |function |schema campaign_lifecycle_internal |(?:relation|column) [^.]+\.campaign_(?:activation|clean_run|workers)\b|relation [^.]+\.campaign_activation_pkey)/;
for ((map { [ $node, $_, $made{$_} ] } sort keys %made), map { [ $other, $_, $_ ] } sort keys %schema)
{
	my ($server, $copy, $db) = @$_;
	my $name = $server == $other ? "$db on the other server" : $copy;
	same_lines($content{$db}, [ table_contents($server, $copy, $schema{$db}) ], "$name: every row is there, once", $copy =~ /in_two/ ? $views : undef);
	same_lines($objects{$db}, [ schema_objects($server, $copy, $schema{$db}) ], "$name: every object is there", $copy =~ /in_two/ ? $triggers : $server == $other ? $members : undef);
	query_is($server, $copy, "SELECT value FROM \"$schema{$db}\".campaign_health() WHERE check_name = 'activation'", 'copy', "$name: campaign_health() reports a copy");
	check_timers_resume($server, $copy, $name, $schema{$db});
	check_invariants($server, $copy, $name, schema => $schema{$db});
	same_lines($objects{$db}, [ schema_objects($server, $copy, $schema{$db}) ], "$name: triggers fire as in the original", $views) if $copy =~ /in_two/;
}

#---------------------------------------------------------------------------------------------------------------------
# DROP EXTENSION leaves the data, and CREATE EXTENSION adopts it

$node->safe_psql('postgres', 'CREATE DATABASE again TEMPLATE original');
runs_silently('DROP EXTENSION', [ @psql, '-d', $node->connstr('again'), '-c', 'SET client_min_messages = warning; DROP EXTENSION campaign_lifecycle' ]);
same_lines($content{original}, [ table_contents($node, 'again') ], 'every row is there after DROP EXTENSION');
runs_silently('CREATE EXTENSION', [ @psql, '-d', $node->connstr('again'), '-c', 'BEGIN; SET LOCAL client_min_messages = error; CREATE EXTENSION campaign_lifecycle; SELECT pause_timers(); COMMIT' ]);
same_lines($content{original}, [ table_contents($node, 'again') ], 'every row is there after CREATE EXTENSION');
# Privileges on functions went with the extension.
$node->safe_psql('again', q{SELECT grant_campaign_access('copies_reader', 'reader'), grant_campaign_access('copies_writer', 'writer'), grant_campaign_access('copies_operator', 'operator')});
same_lines($objects{original}, [ schema_objects($node, 'again') ], 'every object is there after CREATE EXTENSION');
check_timers_resume($node, 'again', 'dropped and created again');
check_invariants($node, 'again', 'dropped and created again');

# Tables of somebody else are not simply taken over.
$node->safe_psql('postgres', 'CREATE DATABASE foreign_tables TEMPLATE owned');
$node->safe_psql('foreign_tables', 'DROP EXTENSION campaign_lifecycle');
my ($code, $out, $err) = $node->psql('foreign_tables', 'CREATE EXTENSION campaign_lifecycle SCHEMA "My Schema"');
like($err, qr/belong to another role: .* owned by copies_owner/, 'CREATE EXTENSION does not adopt tables of another role');
runs_silently('CREATE EXTENSION of tables that were taken over', [ @psql, '-d', $node->connstr('foreign_tables'), '-c',
	'BEGIN; SET LOCAL client_min_messages = error; REASSIGN OWNED BY copies_owner TO CURRENT_USER; CREATE EXTENSION campaign_lifecycle SCHEMA "My Schema"; SELECT "My Schema".set_campaign_owner(\'copies_owner\'), "My Schema".pause_timers(); COMMIT' ]);
same_lines($content{owned}, [ table_contents($node, 'foreign_tables', 'My Schema') ], 'every row is there after the tables were taken over and given back');
check_timers_resume($node, 'foreign_tables', 'taken over and given back', 'My Schema');

# The originals have been read, and nothing else.
same_lines($content{$_}, [ table_contents($node, $_, $schema{$_}) ], "$_: no row has changed by the copies") for sort keys %schema;

$_->stop for $node, $other;
done_testing();
