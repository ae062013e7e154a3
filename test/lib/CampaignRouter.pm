# Nodes and routers for TAP tests: small servers on sockets, each node with the extension in its database app.
#
#     use CampaignRouter;
#     plan skip_all => $reason if $reason = router_is_missing();
#     my ($router, @nodes) = router_and_nodes(3);         servers router, node1, node2, node3; the router's database is app
#     add_node($router, $node, 'a');                      adds a node to the router's map
#     add_node($router, $node, 'a', 'app', 'weight => 0');
#     through($router, $sql);                             safe_psql in the router's database
#     error_of($router, $sql, user => 'reader');          what psql says on stderr, with SQLSTATEs
#
# All servers are copies of one new cluster, because initdb takes longer than a copy.

package CampaignRouter;

use strict;
use warnings FATAL => 'all';
use CampaignServer;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(router_is_missing router_and_nodes new_server add_node conninfo_of through error_of);

my $first;

# Return why tests with a router cannot run here, or nothing.
sub router_is_missing
{
	return 'the server has no plproxy' unless server_has('plproxy');
	return 'campaign_lifecycle_router is not installed' unless server_has('campaign_lifecycle_router');
	return;
}

# Start a server with an empty database app.
sub new_server
{
	my ($name, %options) = @_;
	if (!$first)
	{
		$first = PostgreSQL::Test::Cluster->new('template');
		$first->init(allows_streaming => 1);
		$first->append_conf('postgresql.conf', slurp_file('test/postgresql.conf') . "shared_buffers = '8MB'\nautovacuum = off\nmax_wal_senders = 3\n");
		$first->backup_fs_cold('empty');
	}
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init_from_backup($first, 'empty');
	$node->append_conf('postgresql.conf', $options{conf} // '');
	$node->start;
	$node->safe_psql('postgres', 'CREATE DATABASE app');
	return $node;
}

sub router_and_nodes
{
	my ($count) = @_;
	my $router = new_server('router', conf => "shared_preload_libraries = ''\n");
	my @nodes = map { new_server("node$_") } 1 .. $count;
	$_->safe_psql('app', 'CREATE EXTENSION campaign_lifecycle') for @nodes;
	$router->safe_psql('app', 'CREATE EXTENSION campaign_lifecycle_router CASCADE');
	return ($router, @nodes);
}

sub conninfo_of
{
	my ($node, $db) = @_;
	return 'host=' . $node->host . ' port=' . $node->port . ' dbname=' . ($db // 'app');
}

sub add_node
{
	my ($router, $node, $name, $db, $more) = @_;
	return through($router, "SELECT add_campaign_node('$name', '" . conninfo_of($node, $db) . "'" . (defined $more ? ", $more" : '') . ')');
}

sub through
{
	my ($router, $sql) = @_;
	return $router->safe_psql('app', $sql);
}

# Return what psql prints on stderr for a statement that fails.
sub error_of
{
	my ($router, $sql, %options) = @_;
	my ($code, $out, $err) = $router->psql($options{db} // 'app', $sql, extra_params => [ '-v', 'VERBOSITY=verbose', ($options{user} ? ('-U', $options{user}) : ()) ]);
	return $err;
}

1;
