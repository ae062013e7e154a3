# Functions for tests of dumps, copies and upgrades: a database with rows in every table, and two ways to compare databases.
# Each function takes public as its schema when none is given.
#
#     use CampaignCopies;
#     create_filled_database($node, $db, schema => 'My Schema', version => '1.1');    ends paused, with timers overdue
#     my @content = table_contents($node, $db, 'My Schema');              every row of every table, as counts and checksums
#     my @objects = schema_objects($node, $db, 'My Schema');              every object, comments and privileges included
#     same_lines(\@content, [ table_contents($node, 'copy') ], 'name', qr/.../);    equal, except lines that match
#     runs_silently('name', [ 'pg_dump', ... ], [ 'psql', ... ]);         a pipe succeeds and writes nothing to stderr
#     check_timers_resume($node, 'copy', 'name');                         timers wait until resume_timers() and are executed after it

package CampaignCopies;

use strict;
use warnings FATAL => 'all';
use Exporter 'import';
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(create_filled_database table_contents schema_objects same_lines runs_silently check_timers_resume);

my $bookkeeping = "('campaign_activation', 'campaign_clean_run')";

# One line a table, partition or materialized view, and one a partitioned table as a whole.
sub table_contents
{
	my ($node, $db, $schema) = @_;
	$schema //= 'public';
	return split /\n/, $node->safe_psql(
		$db, qq{
		SET timezone = 'UTC'; SET datestyle = 'ISO';
		SELECT format('%s: %s', c.relname, CASE WHEN NOT c.relispopulated THEN 'not populated' ELSE (xpath('//rows/text()', query_to_xml(format(
			'SELECT count(*) || '' rows '' || coalesce(md5(string_agg(t::text, chr(10) ORDER BY t::text COLLATE "C")), ''-'') AS rows FROM %s AS t', c.oid::regclass), false, true, '')))[1]::text END)
		FROM pg_class AS c
		WHERE c.relnamespace = '"$schema"'::regnamespace AND c.relkind IN ('r', 'p', 'm') AND c.relname NOT IN $bookkeeping
		ORDER BY c.relname COLLATE "C"});
}

# One line an object of the schema, and of the extension. A stored expression that was dumped and read again may have other casts and brackets.
sub schema_objects
{
	my ($node, $db, $schema) = @_;
	return map { s/::(?:text|character varying)\b(?:\[\])?|[()]//gr } split /\n/, $node->safe_psql($db, "\\set schema '" . ($schema // 'public') . "'\n" . slurp_file('test/objects.sql'));
}

# Nothing to tell, or the lines that stand on one side only.
sub same_lines
{
	my ($first, $second, $name, $except) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my %count;
	$count{$_}++ for @$first;
	$count{$_}-- for @$second;
	my @differences = map { ($count{$_} > 0 ? '- ' : '+ ') . $_ } grep { $count{$_} && !(defined $except && $_ =~ $except) } sort keys %count;
	splice @differences, 20, @differences, '...' if @differences > 20;
	return is(join("\n", @differences), '', $name . (@$first > 10 ? '' : ': but there is nothing to compare'));
}

sub runs_silently
{
	my ($name, @commands) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($out, @err) = ('', map { '' } @commands);
	my @pipe = map { ('|', $commands[$_], '2>', \$err[$_]) } 0 .. $#commands;
	shift @pipe;
	note(join ' | ', map { join ' ', @$_ } @commands);
	my $done = IPC::Run::run(@pipe, '>', \$out);
	is(join('', @err), '', "$name: not a line on stderr");
	return ok($done, "$name: success");
}

# The other databases of the server work meanwhile, so that a worker which would execute timers here has had its time.
sub check_timers_resume
{
	my ($node, $db, $name, $schema) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$schema //= 'public';
	my $overdue = "SELECT count(*) FROM \"$schema\".campaign_timers WHERE status = 'PENDING' AND scheduled_at <= now()";
	cmp_ok($node->safe_psql($db, $overdue), '>', 0, "$name: paused, with timers overdue");
	$node->safe_psql($db, "SELECT \"$schema\".resume_timers()");
	return ok($node->poll_query_until($db, "SELECT ($overdue) = 0"), "$name: resume_timers(), and they are executed");
}

# Campaigns in every state by functions and by the worker, by hand, overdue, postponed and dead timers, the lifecycle edited, the tables
# extended, a past of 15 months. Also a handler, grants, archived months, a backfill.
sub create_filled_database
{
	my ($node, $db, %options) = @_;
	my $schema = $options{schema} // 'public';
	my $version = $options{version} // '';
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, "CREATE SCHEMA IF NOT EXISTS \"$schema\"; CREATE EXTENSION campaign_lifecycle SCHEMA \"$schema\"" . ($version ? " VERSION '$version'" : ''));
	$node->safe_psql(
		$db, qq{
		SET client_min_messages = warning;
		SET search_path = "$schema";
		SELECT pause_timers();
		INSERT INTO campaign_state_transitions (from_state, to_state, timer_type) VALUES ('CREATED', 'EXPIRED', 'EXPIRE_CAMPAIGN');
		UPDATE campaign_timer_policies SET delay = '72 hours' WHERE state = 'CLOSED' AND timer_type = 'EXPIRE_CAMPAIGN';
		DELETE FROM campaign_timer_policies WHERE state = 'REWARD_CLAIM' AND timer_type = 'REWARD_REMINDER';

		-- Changes of the tables by a user.
		ALTER TABLE campaigns ADD COLUMN budget numeric NOT NULL DEFAULT 1.5, ADD COLUMN "Odd name" text GENERATED ALWAYS AS (id::text || '!') STORED;
		ALTER TABLE campaigns ADD CONSTRAINT solvent CHECK (budget >= 0);
		ALTER TABLE campaigns ADD COLUMN vip boolean;
		INSERT INTO campaign_timer_policies (state, timer_type, anchor, delay, only_when) VALUES ('RUNNING', 'REWARD_REMINDER', 'entered', '24 hours', 'vip');
		COMMENT ON COLUMN campaigns.budget IS 'The user''s own';
		CREATE INDEX campaigns_by_budget ON campaigns (budget) WHERE budget > 1;
		ALTER TABLE campaign_state_log ADD COLUMN remark text DEFAULT 'none';
		ALTER TABLE campaign_metrics SET (fillfactor = 90);
		ALTER TABLE campaign_metrics ALTER COLUMN value SET STATISTICS 200;
		CREATE TABLE campaign_notes (campaign_id uuid REFERENCES campaigns, note text);
		CREATE TABLE seen (id uuid, status text);
		CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql SET search_path = "$schema" AS \$\$ BEGIN INSERT INTO seen VALUES (NEW.id, NEW.status); RETURN NEW; END \$\$;
		CREATE TRIGGER see AFTER UPDATE ON campaigns FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION see();
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN RAISE EXCEPTION 'refused'; END \$\$;
		CREATE TRIGGER refuse BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (NEW.metadata ? 'refused' AND OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION refuse();

		-- Every state, and timers of every status.
		SELECT resume_timers();
		SET campaign_lifecycle.changed_by = 'furnish';
		SELECT count(create_campaign(48, now() + interval '3 days', metadata => jsonb_build_object('n', n, 'text', E'line\\nwith \\ and \t and "'))) FROM generate_series(1, 20) AS n;
		SELECT count(create_campaign(240, now() - interval '1 day')) FROM generate_series(1, 20);
		SELECT count(create_campaign(1, now() - interval '1 hour', rewards_enabled => false)) FROM generate_series(1, 20);
		SELECT count(create_campaign(1, now() - interval '1 hour', metadata => '{"to": "REWARD_CLAIM"}')) FROM generate_series(1, 20);
		SELECT count(create_campaign(1, now() - interval '3 hours', auto_close => false)) FROM generate_series(1, 20);
		SELECT count(create_campaign(24, now() - interval '1 hour', metadata => '{"refused": true}')) FROM generate_series(1, 3);
		SELECT count(create_campaign(24, now() + interval '5 days', metadata => '{"cancelled": true}')) FROM generate_series(1, 3);
		SELECT sum(run_due_timers()) FROM generate_series(1, 3)});
	# The worker may have been quicker, or still be at work.
	$node->poll_query_until($db, "SELECT count(*) = 0 FROM \"$schema\".campaign_timers WHERE status IN ('PENDING', 'RUNNING') AND scheduled_at <= now()") or die;
	$node->safe_psql(
		$db, qq{
		SET client_min_messages = warning;
		SET search_path = "$schema";
		SELECT count(transition_campaign(id, 'REWARD_CLAIM', 'BY_HAND', '{"changed_by": "me"}')) FROM campaigns WHERE metadata ? 'to';
		SELECT count(cancel_campaign(id, 'tests')) FROM campaigns WHERE metadata ? 'cancelled';
		SELECT count(cancel_timer(t.id, 'once')) FROM campaign_timers AS t JOIN campaigns AS c ON c.id = t.campaign_id WHERE c.status = 'CREATED' AND t.timer_type = 'CLOSE_CAMPAIGN' AND t.status = 'PENDING';
		SELECT count(schedule_timer(c.id, 'REWARD_REMINDER', now() + interval '20 days', '{"by": "hand"}')) FROM campaigns AS c WHERE c.status = 'REWARD_CLAIM';
		SELECT count(record_metric(c.id, 'PARTICIPANT_COUNT', 12.3456, '{"a": [1, 2]}')) FROM campaigns AS c;
		INSERT INTO campaign_notes SELECT id, 'ünïcode' FROM campaigns}) ;
	# Dead letters: the others of the refused keep their attempts.
	for my $attempt (1 .. 4)
	{
		$node->safe_psql(
			$db, qq{
			SET search_path = "$schema";
			UPDATE campaign_timers SET scheduled_at = now() WHERE id IN (SELECT id FROM campaign_timers WHERE status = 'FAILED' ORDER BY id LIMIT 2)});
		$node->poll_query_until($db, "SELECT count(*) >= 2 FROM \"$schema\".campaign_timers WHERE status = 'FAILED' AND retry_count > $attempt") or die;
	}
	$node->safe_psql(
		$db, qq{
		SET client_min_messages = warning;
		SET search_path = "$schema";
		SELECT pause_timers();
		-- Overdue: by a policy, by hand, and each in the past now.
		UPDATE campaign_timers SET scheduled_at = now() - interval '2 days' WHERE status = 'PENDING' AND campaign_id IN (SELECT id FROM campaigns WHERE status = 'RUNNING');
		-- An import of history: ten campaigns a month.
		SET session_replication_role = replica;
		WITH c AS (
			INSERT INTO campaigns (status, duration_hours, start_time, end_time, created_at, updated_at)
			SELECT 'EXPIRED', 1, at, at + interval '1 hour', at, at + interval '5 hours'
			FROM generate_series(1, 15) AS m, generate_series(1, 10) AS n, LATERAL (SELECT date_trunc('month', now()) - make_interval(months => m, hours => -5 * n) AS at) AS a
			RETURNING id, created_at)
		INSERT INTO campaign_state_log (campaign_id, from_state, to_state, trigger_event, created_at, remark)
		SELECT c.id, s.from_state, s.to_state, 'IMPORT', c.created_at + make_interval(hours => s.hour), 'old'
		FROM c, (VALUES (0, NULL, 'CREATED'), (1, 'CREATED', 'RUNNING'), (4, 'RUNNING', 'EXPIRED')) AS s (hour, from_state, to_state)});
	$node->safe_psql(
		$db, qq{
		SET client_min_messages = warning;
		SET search_path = "$schema";
		DO \$\$ BEGIN
			IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'copies_reader') THEN
				CREATE ROLE copies_reader; CREATE ROLE copies_writer; CREATE ROLE copies_operator; CREATE ROLE copies_owner;
			END IF;
		END \$\$;
		SELECT create_monthly_partitions();
		SELECT archive_old_state_logs();
		CREATE FUNCTION handle(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb LANGUAGE plpgsql SET search_path = "$schema" AS \$\$
			BEGIN INSERT INTO campaign_notes VALUES (campaign_id, 'handled'); RETURN '{}'; END \$\$;
		SELECT register_handler('REWARD_REMINDER', 'handle(uuid, uuid, jsonb)', '5 seconds');
		UPDATE campaign_maintenance_jobs SET schedule = '17 4 * * *', retention = '2 years' WHERE job = 'cleanup-timer-executions';
		SELECT grant_campaign_access('copies_reader', 'reader'), grant_campaign_access('copies_writer', 'writer'), grant_campaign_access('copies_operator', 'operator')});
	$node->safe_psql($db, qq{SET client_min_messages = warning; SET search_path = "$schema"; CALL backfill_column('campaigns', 'budget', 'duration_hours / 2.0')}, on_error_stop => 1);
	$node->safe_psql($db, qq{SET search_path = "$schema"; SELECT set_campaign_owner('copies_owner')}) if $options{owner};
	# pg_restore -j may check the log's foreign key, as the tables' owner, before it restores what was granted on the schema.
	$node->safe_psql($db, qq{ALTER SCHEMA "$schema" OWNER TO copies_owner}) if $options{owner};
	# As a restore does, which fills them anew.
	$node->safe_psql($db, "REFRESH MATERIALIZED VIEW \"$schema\".$_") for qw(mv_active_campaigns mv_pending_timers);
	$node->safe_psql($db, 'ANALYZE');
	return;
}

1;
