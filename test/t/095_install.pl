# The Makefile as packagers and users call it: install and uninstall into a folder, a build without the developers' flags, and the checker
# of META.json.

use strict;
use warnings FATAL => 'all';
use CampaignServer;
use File::Find;
use File::Temp qw(tempdir);
use Test::More;

my $make = "make -s PG_CONFIG='$ENV{PG_CONFIG}'";

sub files_below
{
	my ($folder) = @_;
	my @files;
	find(sub { push @files, $File::Find::name =~ s/^\Q$folder\E//r if -f }, $folder);
	return sort @files;
}

subtest 'uninstall removes every file that install put' => sub {
	my $folder = tempdir(CLEANUP => 1);

	is(system("$make DESTDIR='$folder' install >/dev/null"), 0, 'make install');
	my @installed = files_below($folder);
	my ($version) = map { /campaign_lifecycle--([0-9.]+)\.sql$/ ? $1 : () } @installed;
	for my $file ('campaign_lifecycle.so', 'campaign_lifecycle.control', "campaign_lifecycle--$version.sql",
		'campaign_lifecycle/README.md', 'campaign_lifecycle/docs/reference.md')
	{
		is(scalar(grep { m{/\Q$file\E$} } @installed), 1, "$file is installed");
	}
	is(scalar(grep { m{/campaign_lifecycle_router(?:--[0-9.]+\.sql|\.control)$} } @installed), server_has('plproxy') ? 2 : 0, 'the router is installed where PL/Proxy is');
	is(system("$make DESTDIR='$folder' uninstall >/dev/null"), 0, 'make uninstall');
	is_deeply([ files_below($folder) ], [], 'no file is left');
};

subtest 'warnings are errors for developers only' => sub {
	unlike(`make -n -B PG_CONFIG='$ENV{PG_CONFIG}' WERROR= src/guc.o`, qr/-Werror(?:\s|$)/, 'a plain make has no -Werror');
	unlike(`env -u WERROR make -n -B PG_CONFIG='$ENV{PG_CONFIG}' src/guc.o`, qr/-Werror(?:\s|$)/, 'nor one without WERROR');
	like(`make -n -B PG_CONFIG='$ENV{PG_CONFIG}' lint`, qr/-Werror(?:\s|$)/, 'make lint has it');
};

subtest 'META.json is checked by the rules of PGXN' => sub {
	my $folder = tempdir(CLEANUP => 1);
	my $check = sub {
		my ($from, $to) = @_;
		open my $in, '<', 'META.json' or die $!;
		my $text = do { local $/; <$in> };
		$text =~ s/$from/$to/ or die "META.json has no $from";
		open my $out, '>', "$folder/META.json" or die $!;
		print $out $text;
		close $out or die $!;
		return scalar `script/lib/pgxn_meta '$folder/META.json'`;
	};

	is($check->('^', ''), '', 'the project\'s file is valid');
	like($check->(qr/"version": "[0-9.]+"/, '"version": "1.2"'), qr/version is no version: "1.2"/, 'a version of two parts is refused');
	like($check->(qr/"license": "\w+"/, '"license": "mine"'), qr/license\[0\] is no license/, 'an unknown license is refused');
	like($check->(qr/"maintainer"/, '"x_maintainer"'), qr/maintainer is missing/, 'a missing maintainer is refused');
	like($check->(qr/"tags"/, '"labels"'), qr/labels is no key/, 'an unknown key is refused');
	like($check->(qr/"runtime"/, '"run"'), qr/prereqs.run is no phase/, 'an unknown phase is refused');
	like($check->(qr/\}\s*$/, ''), qr/is no JSON/, 'half a file is refused');
};

done_testing();
