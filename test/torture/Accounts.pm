# Count the rows that are left when a round is over. Each count has a name.
#
#     my $found = Accounts::take($sql, $acknowledged);      a closure that returns rows as text; a hash of Load, or undef for a copy
#     $found->{lost}, $found->{doubled}, $found->{broken}    numbers; $found->{details} says what of
#     Accounts::settle($sql, 120)                            waits, at most so many seconds, until every campaign has its timers and none is due
#
# lost: acknowledged and not in the ledger; in the ledger and not in the tables; a timer that was due and has neither been executed nor
# cancelled nor waits, or waits still; a campaign that can still move with nothing to end it. doubled: a timer completed more than once, a state entered more
# than once, a reminder of a policy given more than once a visit. broken: test/invariants.sql, moves by hand that no committed transaction has
# made, state changes that a user's trigger has not seen, a close put off that a policy's timer has overtaken, and a campaign whose auto_close
# is off, closed or expired by a policy.

package Accounts;

use strict;
use warnings FATAL => 'all';
use Time::HiRes qw(sleep time);

my $waits = "(t.status IN ('PENDING', 'RUNNING') OR (t.status = 'FAILED' AND t.retry_count < 5))";
my $log = '(SELECT * FROM campaign_state_log UNION ALL SELECT * FROM campaign_state_log_archive)';
my $tag = "format('T%s-%s', l.client, l.n)";
my $not_logged = qq{NOT EXISTS (SELECT FROM campaign_state_log AS s WHERE s.campaign_id = l.campaign AND $tag IN (s.trigger_event, s.metadata ->> 'reason'))};

my @counts = (
	[ lost => 'campaigns', "SELECT count(*) FROM torture.ledger AS l WHERE l.op IN ('create', 'insert') AND NOT EXISTS (SELECT FROM campaigns AS c WHERE c.id = l.campaign)" ],
	[ lost => 'moves and cancellations by hand', "SELECT count(*) FROM torture.ledger AS l WHERE l.op IN ('move', 'cancel') AND $not_logged" ],
	[ lost => 'new start times', q{
		SELECT count(*) FROM (SELECT DISTINCT ON (l.client, l.campaign) l.campaign, l.value FROM torture.ledger AS l WHERE l.op = 'reschedule' ORDER BY l.client, l.campaign, l.n DESC) AS l
		JOIN campaigns AS c ON c.id = l.campaign WHERE c.start_time <> l.value} ],
	[ lost => 'timers set by hand', "SELECT count(*) FROM torture.ledger AS l WHERE l.timer IS NOT NULL AND NOT EXISTS (SELECT FROM campaign_timers AS t WHERE t.id = l.timer)" ],
	[ lost => 'timers due and not executed', "SELECT count(*) FROM campaign_timers AS t WHERE $waits AND t.scheduled_at <= now()" ],
	[ lost => 'timers dead', "SELECT count(*) FROM campaign_timers AS t WHERE t.status = 'FAILED' AND t.retry_count = 5" ],
	[ lost => 'campaigns with nothing to end them', qq{
		SELECT count(*) FROM campaigns AS c WHERE c.status <> 'EXPIRED' AND (c.auto_close OR c.status NOT IN ('CREATED', 'RUNNING'))
			AND NOT EXISTS (SELECT FROM campaign_timers AS t WHERE t.campaign_id = c.id AND t.timer_type = 'EXPIRE_CAMPAIGN' AND $waits)},
		qq{SELECT row_to_json(c), (SELECT json_agg(t) FROM campaign_timers AS t WHERE t.campaign_id = c.id),
			(SELECT json_agg(l ORDER BY l.created_at) FROM $log AS l WHERE l.campaign_id = c.id), (SELECT json_agg(l) FROM torture.ledger AS l WHERE l.campaign = c.id)
		FROM campaigns AS c WHERE c.status <> 'EXPIRED' AND (c.auto_close OR c.status NOT IN ('CREATED', 'RUNNING'))
			AND NOT EXISTS (SELECT FROM campaign_timers AS t WHERE t.campaign_id = c.id AND t.timer_type = 'EXPIRE_CAMPAIGN' AND $waits) LIMIT 1} ],
	[ doubled => 'executions of a timer', "SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM timer_executions WHERE status = 'COMPLETED' GROUP BY timer_id) AS x WHERE n > 1" ],
	[ doubled => 'entries into a state', "SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM $log AS l GROUP BY campaign_id, to_state) AS x WHERE n > 1" ],
	# A state is visited once.
	[ doubled => 'reminders of policies', qq{
		SELECT coalesce(sum(n - visits), 0) FROM (
			SELECT count(*) AS n, (SELECT count(*) FROM $log AS l WHERE l.campaign_id = t.campaign_id AND l.to_state IN ('RUNNING', 'REWARD_CLAIM')) AS visits
			FROM timer_executions AS x JOIN campaign_timers AS t ON t.id = x.timer_id
			WHERE x.status = 'COMPLETED' AND x.result ? 'event' AND t.payload ? 'policy' GROUP BY t.campaign_id) AS r WHERE n > visits} ],
	[ broken => 'state changes that a trigger has not seen once', qq{
		SELECT count(*) FROM (SELECT campaign_id, count(*) AS n FROM $log AS l GROUP BY 1) AS l
		FULL JOIN (SELECT campaign_id, count(*) AS n FROM audit_log GROUP BY 1) AS a USING (campaign_id) WHERE l.n IS DISTINCT FROM a.n} ],
	[ broken => 'closes put off and overtaken', q{
		SELECT count(*) FROM timer_executions AS x JOIN campaign_timers AS e ON e.id = x.timer_id
		WHERE x.status = 'COMPLETED' AND x.result ->> 'from' = 'RUNNING' AND e.timer_type = 'EXPIRE_CAMPAIGN' AND e.payload ? 'policy'
			AND EXISTS (SELECT FROM campaign_timers AS t WHERE t.campaign_id = e.campaign_id AND t.timer_type = 'CLOSE_CAMPAIGN'
				AND NOT t.payload ? 'policy' AND t.status = 'CANCELLED' AND t.retry_count = 0)} ],
	[ broken => 'campaigns ended by a policy although auto_close is off', q{
		SELECT count(*) FROM timer_executions AS x JOIN campaign_timers AS t ON t.id = x.timer_id JOIN campaigns AS c ON c.id = t.campaign_id
		WHERE NOT c.auto_close AND x.status = 'COMPLETED' AND x.result ->> 'from' IN ('CREATED', 'RUNNING') AND t.payload ? 'policy'
			AND t.timer_type IN ('CLOSE_CAMPAIGN', 'EXPIRE_CAMPAIGN')} ],
	[ broken => 'moves by hand of no transaction', qq{
		SELECT count(*) FROM campaign_state_log AS s WHERE s.trigger_event ~ '^T[0-9]+-'
			AND NOT EXISTS (SELECT FROM torture.ledger AS l WHERE $tag = s.trigger_event AND l.campaign = s.campaign_id AND l.op = 'move')} ],
);

# Plain INSERT sets no timers.
sub settle
{
	my ($sql, $seconds) = @_;
	my $deadline = time + $seconds;
	until ($sql->('SELECT schedule_missing_timers()') eq '0'
		&& $sql->("SELECT count(*) = 0 FROM campaign_timers AS t WHERE t.status = 'RUNNING' OR ($waits AND t.scheduled_at <= now() + interval '1 minute')") eq 't')
	{
		return if time > $deadline;
		sleep 0.1;
	}
	return;
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
	for my $count (@counts)
	{
		my ($what, $name, $query, $example) = @$count;
		my $number = $sql->($query);
		$add->($what, $number && $example ? "$name, such as " . $sql->($example) : $name, $number);
	}

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
