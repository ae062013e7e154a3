# Count the rows that are left when a round is over. Each count has a name.
#
#     my $found = Accounts::take($sql, $acknowledged);      a closure that returns rows as text; a hash of Load, or undef for a copy
#     $found->{lost}, $found->{doubled}, $found->{broken}    numbers; $found->{details} says what of
#     Accounts::is_drained($sql)                             nothing is due, nothing runs, and nothing will be due within a minute
#
# lost: acknowledged and not in the ledger; in the ledger and not in the tables; a timer that was due and has neither been executed nor
# cancelled nor waits, or waits still; a campaign that can still move with nothing to end it. doubled: a timer completed more than once, a state entered more
# than once. broken: test/invariants.sql, and moves by hand that no committed transaction has made.

package Accounts;

use strict;
use warnings FATAL => 'all';

my $waits = "(t.status IN ('PENDING', 'RUNNING') OR (t.status = 'FAILED' AND t.retry_count < 5))";
my $log = '(SELECT * FROM campaign_state_log UNION ALL SELECT * FROM campaign_state_log_archive)';
my $tag = "format('T%s-%s', l.client, l.n)";
my $not_logged = qq{NOT EXISTS (SELECT FROM campaign_state_log AS s WHERE s.campaign_id = l.campaign AND $tag IN (s.trigger_event, s.metadata ->> 'reason'))};

my @counts = (
	[ lost => 'campaigns', "SELECT count(*) FROM torture.ledger AS l WHERE l.op = 'create' AND NOT EXISTS (SELECT FROM campaigns AS c WHERE c.id = l.campaign)" ],
	[ lost => 'moves and cancellations by hand', "SELECT count(*) FROM torture.ledger AS l WHERE l.op IN ('move', 'cancel') AND $not_logged" ],
	[ lost => 'new start times', q{
		SELECT count(*) FROM (SELECT DISTINCT ON (l.client, l.campaign) l.campaign, l.value FROM torture.ledger AS l WHERE l.op = 'reschedule' ORDER BY l.client, l.campaign, l.n DESC) AS l
		JOIN campaigns AS c ON c.id = l.campaign WHERE c.start_time <> l.value} ],
	[ lost => 'timers set by hand', "SELECT count(*) FROM torture.ledger AS l WHERE l.timer IS NOT NULL AND NOT EXISTS (SELECT FROM campaign_timers AS t WHERE t.id = l.timer)" ],
	[ lost => 'timers due and not executed', "SELECT count(*) FROM campaign_timers AS t WHERE $waits AND t.scheduled_at <= now()" ],
	[ lost => 'timers dead', "SELECT count(*) FROM campaign_timers AS t WHERE t.status = 'FAILED' AND t.retry_count = 5" ],
	[ lost => 'campaigns with nothing to end them', qq{
		SELECT count(*) FROM campaigns AS c WHERE c.status <> 'EXPIRED'
			AND NOT EXISTS (SELECT FROM campaign_timers AS t WHERE t.campaign_id = c.id AND t.timer_type = 'EXPIRE_CAMPAIGN' AND $waits)} ],
	[ doubled => 'executions of a timer', "SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM timer_executions WHERE status = 'COMPLETED' GROUP BY timer_id) AS x WHERE n > 1" ],
	[ doubled => 'entries into a state', "SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM $log AS l GROUP BY campaign_id, to_state) AS x WHERE n > 1" ],
	[ broken => 'moves by hand of no transaction', qq{
		SELECT count(*) FROM campaign_state_log AS s WHERE s.trigger_event ~ '^T[0-9]+-'
			AND NOT EXISTS (SELECT FROM torture.ledger AS l WHERE $tag = s.trigger_event AND l.campaign = s.campaign_id AND l.op = 'move')} ],
);

sub is_drained
{
	my ($sql) = @_;
	return $sql->("SELECT count(*) = 0 FROM campaign_timers AS t WHERE t.status = 'RUNNING' OR ($waits AND t.scheduled_at <= now() + interval '1 minute')") eq 't';
}

sub take
{
	my ($sql, $acknowledged) = @_;
	my %found = (lost => 0, doubled => 0, broken => 0, details => []);
	my $add = sub {
		my ($what, $name, $number) = @_;
		return unless $number;
		$found{$what} += $number;
		push @{ $found{details} }, "$what: $number $name";
	};

	if ($acknowledged)
	{
		my %ledger;
		for my $row (split /\n/, $sql->('SELECT client, n FROM torture.ledger'))
		{
			my ($client, $n) = split /\|/, $row;
			$ledger{$client}{$n} = 1;
		}
		for my $client (sort keys %$acknowledged)
		{
			$add->('lost', "transactions acknowledged to client $client", scalar grep { !$ledger{$client}{$_} } keys %{ $acknowledged->{$client} });
		}
	}
	$add->($_->[0], $_->[1], $sql->($_->[2])) for @counts;

	open my $file, '<', 'test/invariants.sql' or die "test/invariants.sql: $!";
	my $invariants = do { local $/; <$file> };
	for my $row (split /\n/, $sql->("LOAD 'campaign_lifecycle'; $invariants"))
	{
		my ($name, $number, $example) = split /\|/, $row, 3;
		$add->('broken', "$name ($example)", $number);
	}
	return \%found;
}

1;
