-- The CHECK on schedules. The update adds it to tables of 1.1, too.

-- It uses built-in functions only, because the table outlives the extension, and refuses what _next_cron_time()
-- refuses. The last part finds a range from high to low, once names are numbers and have no leading zero.
ALTER TABLE @extschema@.campaign_maintenance_jobs ADD CONSTRAINT valid_schedule CHECK (
	schedule COLLATE "C" ~* '^[ \t]*@(hourly|daily|midnight|weekly|monthly|yearly|annually)[ \t]*$'
	OR (schedule COLLATE "C" ~* ('^[ \t]*'
			'(([0-5]?[0-9](-[0-5]?[0-9])?|\*)(/[0-9]{1,4})?(,|(?=[ \t])))+[ \t]+'
			'((([01]?[0-9]|2[0-3])(-([01]?[0-9]|2[0-3]))?|\*)(/[0-9]{1,4})?(,|(?=[ \t])))+[ \t]+'
			'(((0?[1-9]|[12][0-9]|3[01])(-(0?[1-9]|[12][0-9]|3[01]))?|\*)(/[0-9]{1,4})?(,|(?=[ \t])))+[ \t]+'
			'(((0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)'
			'(-(0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))?|\*)(/[0-9]{1,4})?(,|(?=[ \t])))+[ \t]+'
			'(((0?[0-7]|sun|mon|tue|wed|thu|fri|sat)(-(0?[0-7]|sun|mon|tue|wed|thu|fri|sat))?|\*)'
			'(/[0-9]{1,4})?(,|(?=[ \t]|$)))+[ \t]*$')
		AND schedule !~ ',([ \t]|$)|/0+(,|[ \t]|$)'
		AND regexp_replace(
			replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(
			replace(replace(replace(replace(replace(lower(schedule COLLATE "C"),
				'sun', '0'), 'mon', '1'), 'tue', '2'), 'wed', '3'), 'thu', '4'), 'fri', '5'), 'sat', '6'),
				'jan', '1'), 'feb', '2'), 'mar', '3'), 'apr', '4'), 'may', '5'), 'jun', '6'), 'jul', '7'),
				'aug', '8'), 'sep', '9'), 'oct', '10'), 'nov', '11'), 'dec', '12'),
			'\m0([0-9])', '\1', 'g')
			!~ ('\m([1-9][0-9]-[0-9]|5[0-9]-[1-4][0-9]|4[0-9]-[1-3][0-9]|3[0-9]-[12][0-9]|2[0-9]-1[0-9]|'
				'([1-5]?)(9-\2[0-8]|8-\2[0-7]|7-\2[0-6]|6-\2[0-5]|5-\2[0-4]|4-\2[0-3]|3-\2[0-2]|2-\2[01]|1-\2[0]))\M')));
COMMENT ON CONSTRAINT valid_schedule ON @extschema@.campaign_maintenance_jobs IS
	'Five fields in UTC: minute, hour, day of month, month and day of week, as in 0 3 * * 0; or @daily and the like.';
