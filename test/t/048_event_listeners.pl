# The programs and the statements of docs/events.md, as they stand there.
#
# Each listener loses its connection again and again while campaigns are made and started, and is killed and started again. It prints
# every event, and each once as long as it is not killed. Logical decoding of the publications there sends each row of the log once.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = campaign_server('listeners', extension => 0, init => { allows_streaming => 'logical' },
	conf => "campaign_lifecycle.notify_events = 'campaign.created,campaign.status.changed'\n");
my $page = slurp_file('docs/events.md');
$node->safe_psql('postgres', 'CREATE ROLE app LOGIN');

# Each program: the command that tells whether its library is there, how to run it, its language on the page.
my @listeners = (
	[ 'Python', [ '/usr/bin/python3', '-c', 'import psycopg' ], '/usr/bin/python3', 'python', 'py' ],
	[ 'JavaScript', [ 'node', '-e', 'require("pg")' ], 'node', 'javascript', 'js' ]);

sub make_campaigns
{
	my ($db, $number) = @_;
	return $node->safe_psql($db, "SELECT count(create_campaign(24)) FROM generate_series(1, $number)");
}

# The ids of the log rows that the listener has printed.
sub printed
{
	my ($file) = @_;
	return map { JSON::PP::decode_json($_)->{log_id} // () } grep { /\}$/ } split /\n/, slurp_file($file);
}

sub has_printed_all
{
	my ($db, $file, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @missing;
	for (1 .. 300)
	{
		my %printed = map { $_ => 1 } printed($file);
		@missing = grep { !$printed{$_} } split /\n/, $node->safe_psql($db, 'SELECT id FROM campaign_state_log');
		my $moving = $node->safe_psql($db, "SELECT count(*) FROM campaigns WHERE status = 'CREATED'");
		last if !@missing && !$moving;
		select undef, undef, undef, 0.1;
	}
	return is(scalar(@missing), 0, $what);
}

local $ENV{NODE_PATH} = join ':', grep { defined } $ENV{NODE_PATH}, '/usr/share/nodejs';
for my $listener (@listeners)
{
	my ($name, $probe, $run, $language, $ending) = @$listener;
	my ($out, $err) = ('', '');
  SKIP:
	{
		skip "$name has no library for PostgreSQL", 1 unless eval { IPC::Run::run($probe, '>', \$out, '2>', \$err) };
		in_database($node, "the listener in $name", sub {
			my ($db) = @_;
			my ($program) = $page =~ /^```$language\n(.*?)^```/ms or die "the page has no listener in $name";
			my $folder = PostgreSQL::Test::Utils::tempdir();
			append_to_file("$folder/listener.$ending", $program);
			$node->safe_psql($db, "SELECT grant_campaign_access('app', 'reader')");
			my $start = sub {
				local @ENV{qw(PGHOST PGPORT PGDATABASE PGUSER EVENTS_PLACE)} = ($node->host, $node->port, $db, 'app', "$folder/place");
				return IPC::Run::start([ $run, "$folder/listener.$ending" ], '>>', "$folder/out", '2>>', "$folder/err");
			};
			my $process = $start->();
			my $listens = "SELECT count(*) FROM pg_stat_activity WHERE datname = '$db' AND usename = 'app'";
			my $lose = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '$db' AND usename = 'app'";
			for (1 .. 300) { last if -f "$folder/place"; select undef, undef, undef, 0.1; }
			ok(-f "$folder/place", 'a new listener keeps its place');
			make_campaigns($db, 5);
			has_printed_all($db, "$folder/out", 'it prints the events of new campaigns');
			for my $turn (1 .. 2)
			{
				make_campaigns($db, 3);
				$node->safe_psql($db, $lose);
				make_campaigns($db, 3);
				poll_is($node, 'postgres', $listens, 1, 'it has lost its connection, and comes back');
				make_campaigns($db, 3);
				has_printed_all($db, "$folder/out", 'it has missed nothing');
			}
			my @printed = printed("$folder/out");
			my %once = map { $_ => 1 } @printed;
			is(scalar(@printed), scalar(keys %once), 'and has printed nothing twice');
			# No notification comes for an event that was held back.
			my $older = $node->background_psql($db);
			$older->query_safe('BEGIN; CREATE TABLE written (); SELECT pg_current_xact_id()');
			make_campaigns($db, 1);
			$older->query_safe('COMMIT');
			has_printed_all($db, "$folder/out", 'it finds an event that an older transaction has held back');
			$older->quit;
			make_campaigns($db, 3);
			$process->kill_kill(grace => 0);
			make_campaigns($db, 3);
			$process = $start->();
			has_printed_all($db, "$folder/out", 'after it was killed it goes on from its place');
			$process->kill_kill(grace => 0);
			diag(slurp_file("$folder/err")) unless Test::More->builder->is_passing;
		});
	}
}

in_database($node, 'logical decoding', sub {
	my ($db) = @_;
	my ($publication) = $page =~ /^```sql\n(CREATE PUBLICATION campaign_events .*?)^```/ms or die 'the page has no publication';
	my ($outbox) = $page =~ /^```sql\n(CREATE TABLE outbox .*?)^```/ms or die 'the page has no outbox';
	$node->safe_psql($db, $publication);
	$node->safe_psql($db, $outbox);
	$node->safe_psql($db, "SELECT pg_create_logical_replication_slot('outbox', 'pgoutput'), pg_create_logical_replication_slot('text', 'test_decoding')");
	make_campaigns($db, 10);
	poll_is($node, $db, "SELECT count(*) FROM campaigns WHERE status = 'RUNNING'", 10, 'the campaigns start');
	$node->safe_psql($db, "SELECT archive_old_state_logs('0 days'), cleanup_timer_executions('0 days')");
	my $messages = sub {
		my ($slot, $publications, $kind) = @_;
		return $node->safe_psql($db, "SELECT encode(data, 'hex') FROM pg_logical_slot_get_binary_changes('$slot', NULL, NULL, 'proto_version', '1', 'publication_names', '$publications') WHERE get_byte(data, 0) = ascii('$kind')");
	};
	my @rows = split /\n/, $messages->('campaign_events', 'campaign_events', 'I');
	my $hex = sub { unpack 'H*', $_[0] };
	is(scalar(grep { index($_, $hex->('START_CAMPAIGN')) >= 0 } @rows), 10, 'the state changes are sent once');
	is(scalar(grep { index($_, $hex->('COMPLETED')) >= 0 } @rows), 10, 'so are the executions');
	my @outbox = split /\n/, $messages->('outbox', 'campaign_outbox', 'I');
	is(scalar(grep { index($_, $hex->('campaign.created')) >= 0 } @outbox), 10, 'the outbox sends the creations');
	is(scalar(grep { index($_, $hex->('campaign.status.changed')) >= 0 } @outbox), 10, 'and the state changes');
	query_is($node, $db, 'SELECT count(*) FROM outbox', 0, 'and stays empty');
	my $text = $node->safe_psql($db, "SELECT data FROM pg_logical_slot_get_changes('text', NULL, NULL)");
	is(scalar(() = $text =~ /campaign_state_log_y\w+: INSERT: .*'START_CAMPAIGN'/g), 10, 'test_decoding shows them, too');
	$node->safe_psql($db, "SELECT pg_drop_replication_slot(s) FROM unnest('{campaign_events,outbox,text}'::name[]) AS s");
});

done_testing();
