-- Calls whose results and errors a router must return as a node does. The program that runs this file compares what
-- psql prints on both. Ids end in slots that the router has.

\set VERBOSITY verbose
\set c '''00000000-0000-7000-8000-000000000001'''
\set d '''00000000-0000-7000-8000-000000000021'''
\set unknown '''00000000-0000-7000-8000-00000000003f'''
\set t '''00000000-0000-7000-8000-0000000000a1'''
\set u '''00000000-0000-7000-8000-0000000000a2'''
SELECT create_campaign(24, now() + interval '1 hour', id => :c);
SELECT create_campaign(24, now() + interval '1 hour', id => :c);
SELECT create_campaign(NULL);
SELECT create_campaign(0);
SELECT create_campaign(24, '1900-01-01');
SELECT create_campaign(24, metadata => '[]');
SELECT create_campaign(duration_hours => 48, start_time => NULL, auto_close => false, rewards_enabled => false,
	metadata => '{"a": [1, "ü"]}', id => :d);
SELECT timer_type, scheduled_at > now() FROM schedule_campaign_timers(:c);
SELECT count(*) FROM schedule_campaign_timers(:d);
SELECT * FROM schedule_campaign_timers(:unknown);
SELECT * FROM schedule_campaign_timers(NULL);
SELECT reschedule_campaign(:c, duration_hours => 12);
SELECT reschedule_campaign(:c);
SELECT reschedule_campaign(:unknown, duration_hours => 12);
SELECT extend_campaign(:c, 2) > now();
SELECT extend_campaign(:c, NULL);
SELECT extend_campaign(:unknown, 2);
SELECT schedule_timer(:c, 'REWARD_REMINDER', now() + interval '3 hours', '{"by": "hand"}', :t);
SELECT schedule_timer(:c, 'REWARD_REMINDER', now() + interval '3 hours');
SELECT schedule_timer(:c, 'NO_SUCH_TYPE', now() + interval '3 hours');
SELECT schedule_timer(:c, 'CLOSE_CAMPAIGN', '2000-01-01');
SELECT schedule_timer(:unknown, 'CLOSE_CAMPAIGN', now() + interval '3 hours');
SELECT reschedule_timer(:t, now() + interval '4 hours');
SELECT reschedule_timer(:t, now() + interval '5 hours', :c);
SELECT reschedule_timer(:t, now() + interval '5 hours', :d);
SELECT reschedule_timer(:u, now() + interval '4 hours');
SELECT reschedule_timer(NULL, now() + interval '4 hours');
SELECT cancel_timer(:t, 'not wanted');
SELECT cancel_timer(:t);
SELECT retry_timer(:t);
SELECT retry_timer(:u);
SELECT record_metric(:c, 'PARTICIPANTS', 1.5, id => '00000000-0000-7000-8000-0000000000b1');
SELECT record_metric(:unknown, 'PARTICIPANTS', 1.5);
SELECT transition_campaign(:c, 'RUNNING', 'BY_HAND', '{"note": 1}');
SELECT transition_campaign(:c, 'RUNNING');
SELECT transition_campaign(:c, 'CREATED');
SELECT transition_campaign(:unknown, 'RUNNING');
SELECT cancel_campaign(:c, 'over');
SELECT cancel_campaign(:c);
SELECT cancel_campaign(:unknown);
SELECT kind, name, status FROM campaign_timeline(:c) WHERE kind = 'state' OR kind = 'metric';
SELECT detail -> 'metadata' ->> 'note', detail ->> 'trigger_event' FROM campaign_timeline(:c)
	WHERE kind = 'state' AND name = 'RUNNING';
SELECT * FROM campaign_timeline(:unknown);
SELECT * FROM campaign_timeline(NULL);
SELECT run_due_timers(0);
SELECT run_due_timers(-1);
SELECT run_due_timers(NULL);
SELECT schedule_missing_timers(10);
SELECT create_monthly_partitions(-1);
SELECT archive_old_state_logs(NULL);
SELECT cleanup_timer_executions('-1 day');
SELECT pause_timers();
SELECT run_due_timers();
SELECT resume_timers();
SELECT unregister_handler('CLOSE_CAMPAIGN');
SELECT unregister_handler('NO_SUCH_TYPE');
