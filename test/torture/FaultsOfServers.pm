# Servers that take over from one another, and servers made from backups. Under load, with real servers: streaming replication,
# pg_basebackup, archived WAL.

package FaultsOfServers;

use strict;
use warnings FATAL => 'all';
use Accounts;
use PostgreSQL::Test::Cluster;
use Time::HiRes qw(sleep time);
use World;

our %kinds = (
	'failover to a synchronous standby'  => { share => 1, restarts => 1, inject => sub { _fail_over($_[0], 1) } },
	'failover to an asynchronous standby' => { share => 1, restarts => 1, forgets => 1, inject => sub { _fail_over($_[0], 0) } },
	'point-in-time recovery'             => { share => 1, inject => \&_recover_to_a_point },
	'a server from pg_basebackup'        => { share => 1, inject => \&_start_backup },
);

my $servers = 1;

sub _backup
{
	my ($world) = @_;
	my $name = 'backup' . ++$servers;
	$world->node->backup($name);
	return $name;
}

sub _discard
{
	my ($node, $backup, $of) = @_;
	$node->teardown_node(fail_ok => 1);
	$node->clean_node;
	PostgreSQL::Test::Utils::system_or_bail('rm', '-rf', $of->backup_dir . "/$backup") if $backup;
	return;
}

sub _fail_over
{
	my ($world, $synchronous) = @_;
	my $old = $world->node;
	my $backup = _backup($world);
	my $new = PostgreSQL::Test::Cluster->new("server$servers");
	$new->init_from_backup($old, $backup, has_streaming => 1);
	# Into an archive of its own.
	$new->enable_archiving;
	$new->start;
	$world->wait_until("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", 1);
	if ($synchronous)
	{
		$world->set(synchronous_standby_names => '*');
		$world->wait_until("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'", 1);
	}
	sleep 0.5;
	die "something of ours runs on a standby\n"
	  if $new->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'campaign_lifecycle%'") ne '0';
	$world->{since} = time;
	$old->stop('immediate');
	$world->disconnect;
	$new->promote;
	$world->move_to($new);
	_discard($old, $backup, $old);
	return;
}

# The copy is quiet at first; what it holds must be whole, and what was due there is executed once it may.
sub _goes_on
{
	my ($node, $address) = @_;
	my $copy = World->new($node, $address);
	my $sql = sub { $copy->sql($_[0]) };
	$copy->wait_until('SELECT pg_is_in_recovery()', 'f');
	die "a copy with campaign_lifecycle.enabled = off has a worker\n" if $copy->pid_of('campaign_lifecycle worker', patience => 0);
	$copy->set('campaign_lifecycle.enabled' => 'on');
	# A copy has crashed, for all it knows, and runs what is due one by one.
	Accounts::settle($sql, 180);
	my $found = Accounts::take($sql, undef);
	die "in the copy: @{ $found->{details} }\n" if @{ $found->{details} };
	$copy->disconnect;
	return;
}

sub _use
{
	my ($world, $node, $backup) = @_;
	$node->append_conf('postgresql.auto.conf', "campaign_lifecycle.enabled = off\narchive_mode = off\n");
	$node->start;
	_goes_on($node, "$world->{address}.copy");
	_discard($node, $backup, $world->node);
	return;
}

sub _start_backup
{
	my ($world) = @_;
	my $backup = _backup($world);
	my $node = PostgreSQL::Test::Cluster->new("copy$servers");
	$node->init_from_backup($world->node, $backup);
	return _use($world, $node, $backup);
}

# To a moment in the midst of the load, of which only the ledger in the database itself can tell.
sub _recover_to_a_point
{
	my ($world) = @_;
	my $backup = _backup($world);
	sleep 0.5;
	my $name = "point$servers";
	$world->sql("SELECT pg_create_restore_point('$name')");
	sleep 0.2;
	my $file = $world->sql('SELECT pg_walfile_name(pg_switch_wal())');
	$world->wait_until("SELECT coalesce(last_archived_wal >= '$file', false) FROM pg_stat_archiver", 't');
	my $node = PostgreSQL::Test::Cluster->new("copy$servers");
	$node->init_from_backup($world->node, $backup, has_restoring => 1, standby => 0);
	$node->append_conf('postgresql.conf', "recovery_target_name = '$name'\nrecovery_target_action = 'promote'\n");
	return _use($world, $node, $backup);
}

1;
