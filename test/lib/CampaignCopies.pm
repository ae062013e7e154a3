# What tests of dumps, copies and upgrades share: a database with something in everything, and two ways to compare databases.
#
#     use CampaignCopies;
#     furnish($node, $db, schema => 'My Schema', version => '1.0');   makes the database; ends paused, with timers overdue
#     same($node_a, $db_a, $node_b, $db_b, \&content, 'the copy');     every row of every table: counts and checksums
#     same($node_a, $db_a, $node_b, $db_b, \&objects, 'the copy');     every object, down to comments and privileges
#     silent('pg_dump', [ 'pg_dump', ... ]);                           it succeeds and says nothing on stderr
#
# same() takes schema => 'My Schema', and except => qr/.../, lines that do not count.

package CampaignCopies;

use strict;
use warnings FATAL => 'all';
use Exporter 'import';
use IPC::Run;
use Test::More;

our @EXPORT = qw(furnish same content objects silent overdue);

my $bookkeeping = "('campaign_activation', 'campaign_clean_run')";

# The number of timers that would fire if they could.
sub overdue
{
	my ($node, $db, $schema) = @_;
	$schema //= 'public';
	return $node->safe_psql($db, "SELECT count(*) FROM \"$schema\".campaign_timers WHERE status = 'PENDING' AND scheduled_at <= now()");
}

# One line a table or materialized view, partitions one by one.
sub content
{
	my ($node, $db, $schema) = @_;
	return split /\n/, $node->safe_psql(
		$db, qq{
		SET timezone = 'UTC'; SET datestyle = 'ISO';
		SELECT format('%s: %s', c.relname, (xpath('//rows/text()', query_to_xml(format(
			'SELECT count(*) || '' rows '' || coalesce(md5(string_agg(t::text, chr(10) ORDER BY t::text COLLATE "C")), ''-'') AS rows FROM ONLY %s AS t', c.oid::regclass), false, true, '')))[1])
		FROM pg_class AS c
		WHERE c.relnamespace = '"$schema"'::regnamespace AND c.relkind IN ('r', 'm') AND c.relname NOT IN $bookkeeping
		ORDER BY c.relname COLLATE "C"});
}

# One line an object of the schema, and of the extension. Names do not depend on the search_path. Of attribute options, those that the server's
# own build may put on every column do not count.
sub objects
{
	my ($node, $db, $schema) = @_;
	return split /\n/, $node->safe_psql(
		$db, qq{
		SET search_path = pg_catalog;
		CREATE FUNCTION pg_temp.acl(acl aclitem[]) RETURNS text LANGUAGE sql AS \$\$
			SELECT coalesce(string_agg(format('%s=%s%s/%s', CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END, a.privilege_type,
				CASE WHEN a.is_grantable THEN '*' END, a.grantor::regrole), ' ' ORDER BY a.grantee::regrole::text COLLATE "C", a.privilege_type COLLATE "C", a.grantor::regrole::text COLLATE "C"), '')
			FROM aclexplode(acl) AS a \$\$;
		CREATE FUNCTION pg_temp.tied(class regclass, object oid, kind "char") RETURNS text LANGUAGE sql AS \$\$
			SELECT coalesce((SELECT CASE kind WHEN 'e' THEN 'member' ELSE 'tied' END FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'campaign_lifecycle'
				WHERE d.refclassid = 'pg_extension'::regclass AND d.classid = class AND d.objid = object AND d.deptype = kind LIMIT 1), '') \$\$;
		WITH lines (line) AS (
			SELECT format('extension %s version %s schema %s owner %s relocatable %s config %s comment %s', e.extname, e.extversion, e.extnamespace::regnamespace, e.extowner::regrole,
				e.extrelocatable, e.extconfig, obj_description(e.oid, 'pg_extension'))
			FROM pg_extension AS e WHERE e.extname = 'campaign_lifecycle'
			UNION ALL
			SELECT format('member %s', pg_describe_object(d.classid, d.objid, d.objsubid))
			FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'campaign_lifecycle'
			WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
			UNION ALL
			SELECT format('function %s %s owner %s support %s acl %s initially %s comment %s %s', p.oid::regprocedure, pg_get_functiondef(p.oid), p.proowner::regrole, p.prosupport,
				pg_temp.acl(coalesce(p.proacl, acldefault('f', p.proowner))),
				(SELECT pg_temp.acl(i.initprivs) FROM pg_init_privs AS i WHERE i.classoid = 'pg_proc'::regclass AND i.objoid = p.oid),
				obj_description(p.oid, 'pg_proc'), pg_temp.tied('pg_proc', p.oid, 'e'))
			FROM pg_proc AS p WHERE p.pronamespace = '"$schema"'::regnamespace AND p.prokind IN ('f', 'p')
			UNION ALL
			SELECT format('relation %s kind %s persistence %s owner %s acl %s initially %s options %s security %s %s identity %s partition %s by %s bound %s populated %s method %s tablespace %s definition %s comment %s %s%s',
				c.oid::regclass, c.relkind, c.relpersistence, c.relowner::regrole, pg_temp.acl(c.relacl),
				(SELECT pg_temp.acl(i.initprivs) FROM pg_init_privs AS i WHERE i.classoid = 'pg_class'::regclass AND i.objoid = c.oid AND i.objsubid = 0),
				c.reloptions, c.relrowsecurity, c.relforcerowsecurity, c.relreplident, c.relispartition, pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid), c.relispopulated,
				(SELECT m.amname FROM pg_am AS m WHERE m.oid = c.relam), c.reltablespace, CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
				obj_description(c.oid, 'pg_class'), pg_temp.tied('pg_class', c.oid, 'e'), pg_temp.tied('pg_class', c.oid, 'x'))
			FROM pg_class AS c WHERE c.relnamespace = '"$schema"'::regnamespace AND c.relkind <> 't'
			UNION ALL
			SELECT format('column %s %s %s: %s %s%s default %s generated %s%s storage %s %s statistics %s options %s acl %s inherited %s %s comment %s', c.oid::regclass,
				row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), a.attname, format_type(a.atttypid, a.atttypmod), a.attcollation::regcollation, CASE WHEN a.attnotnull THEN ' NOT NULL' END,
				pg_get_expr(d.adbin, d.adrelid), a.attgenerated, a.attidentity, a.attstorage, a.attcompression, a.attstattarget,
				(SELECT string_agg(o.option, ' ' ORDER BY o.option) FROM unnest(a.attoptions) AS o (option) WHERE o.option NOT LIKE 'pg\\_attver=%'),
				pg_temp.acl(a.attacl), a.attislocal, a.attinhcount, col_description(c.oid, a.attnum))
			FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
			LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
			WHERE c.relnamespace = '"$schema"'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
			UNION ALL
			SELECT format('constraint %s on %s: %s validated %s local %s inherited %s from %s comment %s', k.conname, k.conrelid::regclass, pg_get_constraintdef(k.oid), k.convalidated,
				k.conislocal, k.coninhcount, (SELECT p.conrelid::regclass FROM pg_constraint AS p WHERE p.oid = k.conparentid), obj_description(k.oid, 'pg_constraint'))
			FROM pg_constraint AS k WHERE k.connamespace = '"$schema"'::regnamespace
			UNION ALL
			SELECT format('index %s parent %s valid %s ready %s clustered %s identity %s: %s comment %s', x.indexrelid::regclass, i.inhparent::regclass, x.indisvalid, x.indisready, x.indisclustered,
				x.indisreplident, pg_get_indexdef(x.indexrelid), obj_description(x.indexrelid, 'pg_class'))
			FROM pg_index AS x JOIN pg_class AS c ON c.oid = x.indrelid AND c.relnamespace = '"$schema"'::regnamespace AND c.relkind <> 't'
			LEFT JOIN pg_inherits AS i ON i.inhrelid = x.indexrelid
			UNION ALL
			SELECT format('trigger %s on %s: %s enabled %s inherited %s comment %s %s', t.tgname, t.tgrelid::regclass, pg_get_triggerdef(t.oid), t.tgenabled, t.tgparentid <> 0,
				obj_description(t.oid, 'pg_trigger'), pg_temp.tied('pg_trigger', t.oid, 'x'))
			FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid AND c.relnamespace = '"$schema"'::regnamespace
			WHERE NOT t.tgisinternal
			UNION ALL
			SELECT format('triggers of foreign keys on %s: %s %s', t.tgrelid::regclass, count(*), t.tgenabled)
			FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid AND c.relnamespace = '"$schema"'::regnamespace
			WHERE t.tgisinternal
			GROUP BY t.tgrelid, t.tgenabled
			UNION ALL
			SELECT format('policy %s on %s: %s %s %s', p.polname, p.polrelid::regclass, p.polcmd, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
			FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid AND c.relnamespace = '"$schema"'::regnamespace
			UNION ALL
			SELECT format('statistics %s', pg_get_statisticsobjdef(s.oid)) FROM pg_statistic_ext AS s WHERE s.stxnamespace = '"$schema"'::regnamespace
			UNION ALL
			SELECT format('type %s', t.oid::regtype) FROM pg_type AS t WHERE t.typnamespace = '"$schema"'::regnamespace AND t.typrelid = 0 AND t.typelem = 0
			UNION ALL
			SELECT format('schema %s owner %s acl %s', n.nspname, n.nspowner::regrole, pg_temp.acl(n.nspacl)) FROM pg_namespace AS n WHERE n.nspname = '$schema')
		SELECT regexp_replace(l.line, '\\s+', ' ', 'g') FROM lines AS l ORDER BY l.line COLLATE "C"});
}

# Nothing to tell, or the lines that stand on one side only.
sub same
{
	my ($first, $first_db, $second, $second_db, $what, $name, %options) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $schema = $options{schema} // 'public';
	my @here = $what->($first, $first_db, $schema);
	my @there = $what->($second, $second_db, $schema);
	my %count;
	$count{$_}++ for @here;
	$count{$_}-- for @there;
	my @differences = map { ($count{$_} > 0 ? '- ' : '+ ') . $_ } grep { $count{$_} && !($options{except} && $_ =~ $options{except}) } sort keys %count;
	ok(@here > 10, "$name: there is something to compare") if @here <= 10;
	return is(join("\n", @differences), '', $name);
}

sub silent
{
	my ($name, @commands) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($out, $err) = ('', '');
	my @pipe = map { ('|', $_) } @commands;
	shift @pipe;
	note(join ' | ', map { join ' ', @$_ } @commands);
	IPC::Run::run(@pipe, '>', \$out, '2>', \$err);
	is($?, 0, "$name succeeds");
	return is($err, '', "$name: not a line on stderr");
}

# Campaigns in every state by the verbs and by the worker's own way, by hand, overdue, put off and dead timers, the lifecycle edited, the tables
# extended, a past of 15 months. With 1.1 also a handler, grants, archived months, a backfill.
sub furnish
{
	my ($node, $db, %options) = @_;
	my $schema = $options{schema} // 'public';
	my $version = $options{version} // '';
	my $now = $version ne '1.0';
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

		-- What a user has made of the tables.
		ALTER TABLE campaigns ADD COLUMN budget numeric NOT NULL DEFAULT 1.5, ADD COLUMN "Odd name" text GENERATED ALWAYS AS (id::text || '!') STORED;
		ALTER TABLE campaigns ADD CONSTRAINT solvent CHECK (budget >= 0);
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
		$node->poll_query_until($db, "SELECT count(*) = 2 FROM \"$schema\".campaign_timers WHERE status = 'FAILED' AND retry_count = 1 + $attempt") or die;
	}
	$node->safe_psql(
		$db, qq{
		SET client_min_messages = warning;
		SET search_path = "$schema";
		SELECT pause_timers();
		-- Overdue: by a policy, by hand, and each in the past now.
		UPDATE campaign_timers SET scheduled_at = now() - interval '2 days' WHERE status = 'PENDING' AND campaign_id IN (SELECT id FROM campaigns WHERE status = 'RUNNING');
		-- An import of history.
		INSERT INTO campaign_state_log (campaign_id, from_state, to_state, trigger_event, metadata, created_at, remark)
		SELECT c.id, NULL, 'CREATED', 'IMPORT', jsonb_build_object('month', m), date_trunc('month', now()) - make_interval(months => m, hours => -5), 'old'
		FROM (SELECT id FROM campaigns ORDER BY id LIMIT 10) AS c, generate_series(1, 15) AS m});
	if ($now)
	{
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
		# As a restore does, which fills them anew.
		$node->safe_psql($db, "REFRESH MATERIALIZED VIEW \"$schema\".$_") for qw(mv_active_campaigns mv_pending_timers);
	}
	$node->safe_psql($db, 'ANALYZE');
	return;
}

1;
