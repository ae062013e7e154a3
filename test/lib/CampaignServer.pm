# Start a server for a TAP test, with test/postgresql.conf, more lines if given, and the extension in the database postgres unless
# told otherwise.
#
#     use CampaignServer;
#     my $node = campaign_server('name', conf => "campaign_lifecycle.workers = 2\n", extension => 0, start => 0);
#
# The rest is PostgreSQL::Test::Cluster: safe_psql, poll_query_until, restart, stop('immediate'), ...

package CampaignServer;

use strict;
use warnings FATAL => 'all';
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(campaign_server server_has);

# Preload the libraries of script/analyse into servers only, because they would make this Perl slow.
if (my $preload = $ENV{TEST_PRELOAD})
{
	no warnings 'redefine';
	for my $name (qw(start restart))
	{
		no strict 'refs';
		my $original = \&{"PostgreSQL::Test::Cluster::$name"};
		*{"PostgreSQL::Test::Cluster::$name"} = sub {
			local $ENV{LD_PRELOAD} = $preload;
			return $original->(@_);
		};
	}
}

# Return whether the server under test has this extension.
sub server_has
{
	my ($extension) = @_;
	chomp(my $folder = `'$ENV{PG_CONFIG}' --sharedir`);
	return -f "$folder/extension/$extension.control";
}

sub campaign_server
{
	my ($name, %options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name, $options{install_path} ? (install_path => $options{install_path}) : ());
	$node->init(%{ $options{init} // {} });
	$node->append_conf('postgresql.conf', slurp_file('test/postgresql.conf') . ($options{conf} // ''));
	return $node unless $options{start} // 1;
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION campaign_lifecycle') if $options{extension} // 1;
	return $node;
}

1;
