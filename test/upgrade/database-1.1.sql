--
-- PostgreSQL database dump
--

\restrict bJ3XVyb1G23zs5yRKZkiMiDeR7EXTHUMgpLdFPbrIrDqjvtJjrEsl5merjZRP0W

-- Dumped from database version 15.20 (Debian 15.20-0+deb12u1)
-- Dumped by pg_dump version 15.20 (Debian 15.20-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: public; Type: SCHEMA; Schema: -; Owner: copies_owner
--

-- *not* creating schema, since initdb creates it


ALTER SCHEMA public OWNER TO copies_owner;

--
-- Name: campaign_lifecycle; Type: EXTENSION; Schema: -; Owner: -
--

CREATE EXTENSION IF NOT EXISTS campaign_lifecycle WITH SCHEMA public;


--
-- Name: EXTENSION campaign_lifecycle; Type: COMMENT; Schema: -; Owner: 
--

COMMENT ON EXTENSION campaign_lifecycle IS 'campaigns that start, close, remind and expire on time, run by the server itself';


--
-- Name: handle(uuid, uuid, jsonb); Type: FUNCTION; Schema: public; Owner: postgres
--

CREATE FUNCTION public.handle(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO 'public'
    AS $$
				BEGIN INSERT INTO campaign_notes VALUES (campaign_id, 'handled'); RETURN '{}'; END $$;


ALTER FUNCTION public.handle(campaign_id uuid, timer_id uuid, payload jsonb) OWNER TO postgres;

--
-- Name: refuse(); Type: FUNCTION; Schema: public; Owner: postgres
--

CREATE FUNCTION public.refuse() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$;


ALTER FUNCTION public.refuse() OWNER TO postgres;

--
-- Name: see(); Type: FUNCTION; Schema: public; Owner: postgres
--

CREATE FUNCTION public.see() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public'
    AS $$ BEGIN INSERT INTO seen VALUES (NEW.id, NEW.status); RETURN NEW; END $$;


ALTER FUNCTION public.see() OWNER TO postgres;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: campaign_state_transitions; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_state_transitions (
    from_state character varying(20) NOT NULL,
    to_state character varying(20) NOT NULL,
    timer_type character varying(50),
    priority integer DEFAULT 100 NOT NULL,
    CONSTRAINT valid_from_state CHECK (((from_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[]))),
    CONSTRAINT valid_state_change CHECK (((from_state)::text <> (to_state)::text)),
    CONSTRAINT valid_timer_type CHECK (((timer_type)::text = ANY ((ARRAY['START_CAMPAIGN'::character varying, 'CLOSE_CAMPAIGN'::character varying, 'EXPIRE_CAMPAIGN'::character varying, 'REWARD_REMINDER'::character varying])::text[]))),
    CONSTRAINT valid_to_state CHECK (((to_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[])))
);


ALTER TABLE public.campaign_state_transitions OWNER TO copies_owner;

--
-- Name: TABLE campaign_state_transitions; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON TABLE public.campaign_state_transitions IS 'The legal moves of a campaign and the timer type that makes each. A state without an outgoing row is terminal. Administrators may add rows, for instance CREATED to EXPIRED, so that a campaign can be cancelled before it starts.';


--
-- Name: COLUMN campaign_state_transitions.from_state; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_state_transitions.from_state IS 'The state the campaign is in.';


--
-- Name: COLUMN campaign_state_transitions.to_state; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_state_transitions.to_state IS 'The state it moves to.';


--
-- Name: COLUMN campaign_state_transitions.timer_type; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_state_transitions.timer_type IS 'The timer type that makes this move when due; NULL: by hand only.';


--
-- Name: COLUMN campaign_state_transitions.priority; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_state_transitions.priority IS 'Of one campaign''s timers due at the same instant the lower priority goes first.';


--
-- Name: campaign_timers; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_timers (
    id uuid DEFAULT (encode(set_bit(set_bit("overlay"(uuid_send(gen_random_uuid()), "substring"(int8send((floor((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric)))::bigint), 3), 1, 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid NOT NULL,
    campaign_id uuid NOT NULL,
    timer_type character varying(50) NOT NULL,
    status character varying(20) DEFAULT 'PENDING'::character varying NOT NULL,
    scheduled_at timestamp with time zone NOT NULL,
    executed_at timestamp with time zone,
    payload jsonb DEFAULT '{}'::jsonb NOT NULL,
    retry_count integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT valid_retry_count CHECK (((retry_count >= 0) AND (retry_count <= 5))),
    CONSTRAINT valid_timer_status CHECK (((status)::text = ANY ((ARRAY['PENDING'::character varying, 'RUNNING'::character varying, 'COMPLETED'::character varying, 'FAILED'::character varying, 'CANCELLED'::character varying])::text[]))),
    CONSTRAINT valid_timer_type CHECK (((timer_type)::text = ANY ((ARRAY['START_CAMPAIGN'::character varying, 'CLOSE_CAMPAIGN'::character varying, 'EXPIRE_CAMPAIGN'::character varying, 'REWARD_REMINDER'::character varying])::text[])))
);


ALTER TABLE public.campaign_timers OWNER TO copies_owner;

--
-- Name: TABLE campaign_timers; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON TABLE public.campaign_timers IS 'What is to happen to a campaign, and when. A timer is due when scheduled_at has come and it waits (PENDING, or FAILED with attempts left).';


--
-- Name: COLUMN campaign_timers.timer_type; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_timers.timer_type IS 'What it does when due: see campaign_state_transitions and campaign_timer_policies.';


--
-- Name: COLUMN campaign_timers.status; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_timers.status IS 'PENDING, RUNNING (an attempt with a handler), COMPLETED, FAILED (waits for its next attempt, or dead when none is left), CANCELLED.';


--
-- Name: COLUMN campaign_timers.scheduled_at; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_timers.scheduled_at IS 'When it is due; after a failed attempt, when it is tried again.';


--
-- Name: COLUMN campaign_timers.executed_at; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_timers.executed_at IS 'When it was carried out; minus scheduled_at: its lateness.';


--
-- Name: COLUMN campaign_timers.payload; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_timers.payload IS 'The application''s own; the key "policy" marks a timer that a policy made and may move.';


--
-- Name: COLUMN campaign_timers.retry_count; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_timers.retry_count IS 'Failed attempts so far.';


--
-- Name: campaigns; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaigns (
    id uuid DEFAULT (encode(set_bit(set_bit("overlay"(uuid_send(gen_random_uuid()), "substring"(int8send((floor((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric)))::bigint), 3), 1, 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid NOT NULL,
    status character varying(20) NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    start_time timestamp with time zone,
    end_time timestamp with time zone,
    duration_hours integer NOT NULL,
    auto_close boolean DEFAULT true NOT NULL,
    rewards_enabled boolean DEFAULT true NOT NULL,
    budget numeric DEFAULT 1.5 NOT NULL,
    "Odd name" text GENERATED ALWAYS AS (((id)::text || '!'::text)) STORED,
    vip boolean,
    CONSTRAINT calculated_end_time CHECK (((end_time IS NULL) OR (end_time = (start_time + ((duration_hours)::double precision * '01:00:00'::interval))))),
    CONSTRAINT end_time_needs_start_time CHECK (((end_time IS NULL) OR (start_time IS NOT NULL))),
    CONSTRAINT solvent CHECK ((budget >= (0)::numeric)),
    CONSTRAINT valid_duration CHECK ((duration_hours > 0)),
    CONSTRAINT valid_duration_limit CHECK ((duration_hours <= 876600)),
    CONSTRAINT valid_status CHECK (((status)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[]))),
    CONSTRAINT valid_time_range CHECK (((end_time IS NULL) OR (end_time > start_time)))
);


ALTER TABLE public.campaigns OWNER TO copies_owner;

--
-- Name: TABLE campaigns; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON TABLE public.campaigns IS 'A campaign and the state it is in. The state changes along campaign_state_transitions only, whoever writes.';


--
-- Name: COLUMN campaigns.id; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaigns.id IS 'A time-ordered UUID (version 7) unless the writer chooses one.';


--
-- Name: COLUMN campaigns.status; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaigns.status IS 'The campaign''s state.';


--
-- Name: COLUMN campaigns.metadata; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaigns.metadata IS 'The application''s own; its keys trigger_event and changed_by name the cause of a move when the same statement sets them.';


--
-- Name: COLUMN campaigns.updated_at; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaigns.updated_at IS 'Stamped by every update with the clock, always later than it was.';


--
-- Name: COLUMN campaigns.start_time; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaigns.start_time IS 'When the campaign is to start; NULL until known.';


--
-- Name: COLUMN campaigns.end_time; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaigns.end_time IS 'start_time plus duration_hours; filled in, and kept right when either changes.';


--
-- Name: COLUMN campaigns.duration_hours; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaigns.duration_hours IS 'Hours from start_time to end_time; from 1 to 876600 (100 years).';


--
-- Name: COLUMN campaigns.auto_close; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaigns.auto_close IS 'Whether the campaign closes at end_time by itself.';


--
-- Name: COLUMN campaigns.rewards_enabled; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaigns.rewards_enabled IS 'Whether a reward claim opens after the campaign has closed.';


--
-- Name: COLUMN campaigns.budget; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaigns.budget IS 'The user''s own';


--
-- Name: _runnable_timers; Type: VIEW; Schema: public; Owner: copies_owner
--

CREATE VIEW public._runnable_timers WITH (security_invoker='true') AS
 SELECT t.id,
    t.campaign_id,
    t.timer_type,
    t.status,
    t.scheduled_at,
    t.retry_count,
    t.ctid AS place,
    c.ctid AS campaign_place,
    c.status AS state,
    (t.payload ? 'policy'::text) AS by_policy
   FROM (public.campaign_timers t
     JOIN public.campaigns c ON ((c.id = t.campaign_id)))
  WHERE (NOT (EXISTS ( SELECT
           FROM public.campaign_timers e
          WHERE ((e.campaign_id = t.campaign_id) AND (((e.status)::text = ANY ((ARRAY['PENDING'::character varying, 'RUNNING'::character varying])::text[])) OR (((e.status)::text = 'FAILED'::text) AND (e.retry_count < 5))) AND (e.id <> t.id) AND (((e.status)::text = 'RUNNING'::text) OR ((((e.status)::text = 'PENDING'::text) OR (e.retry_count < (COALESCE(current_setting('campaign_lifecycle.max_attempts'::text, true), '5'::text))::integer)) AND ((e.scheduled_at < t.scheduled_at) OR ((e.scheduled_at = t.scheduled_at) AND (ROW(COALESCE(( SELECT min(m.priority) AS min
                   FROM public.campaign_state_transitions m
                  WHERE ((m.timer_type)::text = (e.timer_type)::text)), 2147483647), e.id) < ROW(COALESCE(( SELECT min(m.priority) AS min
                   FROM public.campaign_state_transitions m
                  WHERE ((m.timer_type)::text = (t.timer_type)::text)), 2147483647), t.id)))))))
         OFFSET 0)));


ALTER TABLE public._runnable_timers OWNER TO copies_owner;

--
-- Name: VIEW _runnable_timers; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON VIEW public._runnable_timers IS 'Timers with no earlier unfinished timer of their campaign; what the claim locks, with the campaign.';


--
-- Name: campaign_backfills; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_backfills (
    relation text NOT NULL,
    column_name name NOT NULL,
    value_expression text NOT NULL,
    run uuid NOT NULL,
    run_by name NOT NULL,
    started_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    estimated_rows bigint,
    rows_seen bigint DEFAULT 0 NOT NULL,
    rows_changed bigint DEFAULT 0 NOT NULL,
    batches bigint DEFAULT 0 NOT NULL,
    part text,
    key_columns text,
    reached text[],
    up_to text[],
    pass integer DEFAULT 1 NOT NULL
)
WITH (fillfactor='50');


ALTER TABLE public.campaign_backfills OWNER TO copies_owner;

--
-- Name: TABLE campaign_backfills; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON TABLE public.campaign_backfills IS 'The last backfill of each column, written by backfill_column() with every batch; an unfinished one is where the next call goes on. backfill_progress shows it. Deleting a row forgets the run: the next call begins anew. Since 1.1.';


--
-- Name: COLUMN campaign_backfills.relation; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_backfills.relation IS 'The table, with its schema.';


--
-- Name: COLUMN campaign_backfills.run; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_backfills.run IS 'The call that works on it; another call puts its own here and takes over.';


--
-- Name: COLUMN campaign_backfills.estimated_rows; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_backfills.estimated_rows IS 'Rows of the table when the run began, as the statistics had it; NULL before the first ANALYZE.';


--
-- Name: COLUMN campaign_backfills.rows_seen; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_backfills.rows_seen IS 'Rows walked over.';


--
-- Name: COLUMN campaign_backfills.rows_changed; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_backfills.rows_changed IS 'Rows that had another value and got the new one.';


--
-- Name: COLUMN campaign_backfills.part; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_backfills.part IS 'The table or partition being walked.';


--
-- Name: COLUMN campaign_backfills.key_columns; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_backfills.key_columns IS 'The unique key that is walked; NULL: block by block.';


--
-- Name: COLUMN campaign_backfills.reached; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_backfills.reached IS 'The key, or the block, that the last batch ended with.';


--
-- Name: COLUMN campaign_backfills.up_to; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_backfills.up_to IS 'The key, or the block, that the walk ends with: the last one there was when it began.';


--
-- Name: COLUMN campaign_backfills.pass; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_backfills.pass IS 'Of a walk by blocks, which rows can cross: how many times it has begun.';


--
-- Name: backfill_progress; Type: VIEW; Schema: public; Owner: copies_owner
--

CREATE VIEW public.backfill_progress WITH (security_invoker='true') AS
 SELECT b.relation,
    b.column_name,
        CASE
            WHEN (b.finished_at IS NOT NULL) THEN 'finished'::text
            WHEN (l.pid IS NOT NULL) THEN 'running'::text
            ELSE 'stopped'::text
        END AS state,
    b.rows_seen,
    b.rows_changed,
    b.estimated_rows,
        CASE
            WHEN (b.finished_at IS NOT NULL) THEN (100)::numeric
            WHEN (b.estimated_rows > 0) THEN LEAST(round((((b.rows_seen)::numeric * 100.0) / (b.estimated_rows)::numeric), 1), 99.9)
            ELSE NULL::numeric
        END AS percentage,
    b.batches,
    b.started_at,
    b.updated_at,
    b.finished_at,
    b.run_by,
    l.pid,
    b.value_expression
   FROM (public.campaign_backfills b
     LEFT JOIN pg_locks l ON (((l.locktype = 'advisory'::text) AND l.granted AND (l.objsubid = 1) AND (b.finished_at IS NULL) AND (l.database = ( SELECT d.oid
           FROM pg_database d
          WHERE (d.datname = current_database()))) AND ((((l.classid)::bigint << 32) | (l.objid)::bigint) = hashtextextended(((('campaign_lifecycle backfill '::text || b.relation) || ' '::text) || (b.column_name)::text), (0)::bigint)))));


ALTER TABLE public.backfill_progress OWNER TO copies_owner;

--
-- Name: VIEW backfill_progress; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON VIEW public.backfill_progress IS 'Each column''s last backfill, while it runs and afterwards: state running (pid says where), stopped (by an error or a crash; the same CALL goes on from there) or finished. Since 1.1.';


--
-- Name: COLUMN backfill_progress.percentage; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.backfill_progress.percentage IS 'rows_seen of estimated_rows; NULL while that is unknown.';


--
-- Name: campaign_maintenance_jobs; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_maintenance_jobs (
    job text NOT NULL,
    schedule text NOT NULL,
    enabled boolean DEFAULT true NOT NULL,
    retention interval,
    months_ahead integer,
    last_run timestamp with time zone,
    last_duration interval,
    last_outcome text,
    last_error text,
    last_count bigint,
    failures integer DEFAULT 0 NOT NULL,
    reached timestamp with time zone,
    cron_database oid,
    CONSTRAINT valid_job CHECK ((job = ANY (ARRAY['create-monthly-partitions'::text, 'refresh-active-campaigns'::text, 'refresh-pending-timers'::text, 'archive-state-logs'::text, 'cleanup-timer-executions'::text, 'cleanup-finished-timers'::text, 'cleanup-metrics'::text]))),
    CONSTRAINT valid_last_outcome CHECK ((last_outcome = ANY (ARRAY['ok'::text, 'running'::text, 'failed'::text]))),
    CONSTRAINT valid_months_ahead CHECK (
CASE
    WHEN (job = 'create-monthly-partitions'::text) THEN ((months_ahead IS NOT NULL) AND ((months_ahead >= 0) AND (months_ahead <= 120)))
    ELSE (months_ahead IS NULL)
END),
    CONSTRAINT valid_retention CHECK (
CASE
    WHEN (job = ANY (ARRAY['archive-state-logs'::text, 'cleanup-timer-executions'::text, 'cleanup-finished-timers'::text, 'cleanup-metrics'::text])) THEN ((retention IS NOT NULL) AND (retention >= '00:00:00'::interval))
    ELSE (retention IS NULL)
END),
    CONSTRAINT valid_schedule CHECK (((schedule ~* '^\s*@(hourly|daily|midnight|weekly|monthly|yearly|annually)\s*$'::text) OR ((cardinality(regexp_split_to_array(btrim(schedule), '[ \t]+'::text)) = 5) AND (schedule !~ ',(\s|$)'::text) AND (split_part(regexp_replace(btrim(schedule), '[ \t]+'::text, ' '::text, 'g'::text), ' '::text, 1) ~ '^((([0-5]?\d)(-([0-5]?\d))?|\*)(/0*[1-9]\d*)?(,|$))+$'::text) AND (split_part(regexp_replace(btrim(schedule), '[ \t]+'::text, ' '::text, 'g'::text), ' '::text, 2) ~ '^((([01]?\d|2[0-3])(-([01]?\d|2[0-3]))?|\*)(/0*[1-9]\d*)?(,|$))+$'::text) AND (split_part(regexp_replace(btrim(schedule), '[ \t]+'::text, ' '::text, 'g'::text), ' '::text, 3) ~ '^(((0?[1-9]|[12]\d|3[01])(-(0?[1-9]|[12]\d|3[01]))?|\*)(/0*[1-9]\d*)?(,|$))+$'::text) AND (split_part(regexp_replace(btrim(schedule), '[ \t]+'::text, ' '::text, 'g'::text), ' '::text, 4) ~* '^(((0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(-(0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))?|\*)(/0*[1-9]\d*)?(,|$))+$'::text) AND (split_part(regexp_replace(btrim(schedule), '[ \t]+'::text, ' '::text, 'g'::text), ' '::text, 5) ~* '^(((0?[0-7]|sun|mon|tue|wed|thu|fri|sat)(-(0?[0-7]|sun|mon|tue|wed|thu|fri|sat))?|\*)(/0*[1-9]\d*)?(,|$))+$'::text))))
);


ALTER TABLE public.campaign_maintenance_jobs OWNER TO copies_owner;

--
-- Name: TABLE campaign_maintenance_jobs; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON TABLE public.campaign_maintenance_jobs IS 'What the worker does as time passes. Edit schedule, enabled, retention and months_ahead; the rest says how it went. Times missed while no worker ran are caught up by one run; one job''s failure stops no other.';


--
-- Name: COLUMN campaign_maintenance_jobs.job; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_maintenance_jobs.job IS 'Its name, also in pg_cron.';


--
-- Name: COLUMN campaign_maintenance_jobs.schedule; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_maintenance_jobs.schedule IS 'A cron schedule in UTC: minute, hour, day of month, month, day of week; or @hourly and the like. Months are made when they are missing, whatever the schedule says.';


--
-- Name: COLUMN campaign_maintenance_jobs.enabled; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_maintenance_jobs.enabled IS 'Whether it runs at all.';


--
-- Name: COLUMN campaign_maintenance_jobs.retention; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_maintenance_jobs.retention IS 'The age from which on rows are archived or removed.';


--
-- Name: COLUMN campaign_maintenance_jobs.months_ahead; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_maintenance_jobs.months_ahead IS 'How many months after the present one have their partition.';


--
-- Name: COLUMN campaign_maintenance_jobs.last_run; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_maintenance_jobs.last_run IS 'When it last did something or failed; a run that found nothing to do is written down once a day.';


--
-- Name: COLUMN campaign_maintenance_jobs.last_duration; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_maintenance_jobs.last_duration IS 'The time its steps took.';


--
-- Name: COLUMN campaign_maintenance_jobs.last_outcome; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_maintenance_jobs.last_outcome IS 'ok, failed, or running: more steps follow, also after a crash.';


--
-- Name: COLUMN campaign_maintenance_jobs.last_error; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_maintenance_jobs.last_error IS 'Of a failure: SQLSTATE: message.';


--
-- Name: COLUMN campaign_maintenance_jobs.last_count; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_maintenance_jobs.last_count IS 'Partitions made, rows moved or removed, views refreshed.';


--
-- Name: COLUMN campaign_maintenance_jobs.failures; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_maintenance_jobs.failures IS 'Failures in a row; the next try is 10 seconds after the first, then twice as long each time, at most an hour. Set to 0 to try at once.';


--
-- Name: COLUMN campaign_maintenance_jobs.reached; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_maintenance_jobs.reached IS 'Where the next step of a running job begins.';


--
-- Name: COLUMN campaign_maintenance_jobs.cron_database; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_maintenance_jobs.cron_database IS 'The oid of the database whose pg_cron runs the job: if that is this one, the worker leaves it alone. Written by schedule_maintenance() and unschedule_maintenance(). A restored copy has another oid.';


--
-- Name: campaign_metrics; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_metrics (
    id uuid DEFAULT (encode(set_bit(set_bit("overlay"(uuid_send(gen_random_uuid()), "substring"(int8send((floor((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric)))::bigint), 3), 1, 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid NOT NULL,
    campaign_id uuid NOT NULL,
    metric_type character varying(50) NOT NULL,
    value numeric(15,4) NOT NULL,
    attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT valid_metric_type CHECK (((metric_type)::text = ANY ((ARRAY['ENGAGEMENT_COUNT'::character varying, 'PARTICIPANT_COUNT'::character varying, 'REWARD_CLAIMED'::character varying, 'TIMER_EXECUTION_TIME'::character varying, 'STATE_TRANSITION_TIME'::character varying])::text[])))
)
WITH (fillfactor='90');
ALTER TABLE ONLY public.campaign_metrics ALTER COLUMN value SET STATISTICS 200;


ALTER TABLE public.campaign_metrics OWNER TO copies_owner;

--
-- Name: TABLE campaign_metrics; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON TABLE public.campaign_metrics IS 'What was measured of a campaign: the application''s own counts, and what the worker records.';


--
-- Name: COLUMN campaign_metrics.metric_type; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_metrics.metric_type IS 'ENGAGEMENT_COUNT, PARTICIPANT_COUNT, REWARD_CLAIMED: the application''s. TIMER_EXECUTION_TIME: milliseconds an executed timer took (of a batch, its time divided by its timers). STATE_TRANSITION_TIME: milliseconds from scheduled_at to the move.';


--
-- Name: campaign_notes; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.campaign_notes (
    campaign_id uuid,
    note text
);


ALTER TABLE public.campaign_notes OWNER TO postgres;

--
-- Name: campaign_state_distribution; Type: VIEW; Schema: public; Owner: copies_owner
--

CREATE VIEW public.campaign_state_distribution WITH (security_invoker='true') AS
 SELECT c.status,
    count(*) AS count,
    round((((count(*))::numeric * 100.0) / sum(count(*)) OVER ()), 2) AS percentage
   FROM public.campaigns c
  GROUP BY c.status
  ORDER BY (count(*)) DESC, c.status;


ALTER TABLE public.campaign_state_distribution OWNER TO copies_owner;

--
-- Name: VIEW campaign_state_distribution; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON VIEW public.campaign_state_distribution IS 'Campaigns by state, most first; percentage of all campaigns, two decimals. Reads the whole table or its index on status. Since 1.1.';


--
-- Name: campaign_state_log; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_state_log (
    id uuid DEFAULT (encode(set_bit(set_bit("overlay"(uuid_send(gen_random_uuid()), "substring"(int8send((floor((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric)))::bigint), 3), 1, 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid NOT NULL,
    campaign_id uuid NOT NULL,
    from_state character varying(20),
    to_state character varying(20) NOT NULL,
    trigger_event character varying(50) NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    remark text DEFAULT 'none'::text,
    CONSTRAINT valid_from_state CHECK (((from_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[]))),
    CONSTRAINT valid_state_transition CHECK ((((from_state)::text <> (to_state)::text) OR (from_state IS NULL))),
    CONSTRAINT valid_to_state CHECK (((to_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[])))
)
PARTITION BY RANGE (created_at);


ALTER TABLE public.campaign_state_log OWNER TO copies_owner;

--
-- Name: TABLE campaign_state_log; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON TABLE public.campaign_state_log IS 'Every state a campaign has entered, its creation included; (created_at, id) is the order in which it happened. Partitioned by month, in UTC.';


--
-- Name: COLUMN campaign_state_log.from_state; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_state_log.from_state IS 'The state it came from; NULL for its creation.';


--
-- Name: COLUMN campaign_state_log.trigger_event; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_state_log.trigger_event IS 'What caused the move: the timer''s type, the setting campaign_lifecycle.trigger_event, the key of that name in the campaign''s metadata, or UNKNOWN; cut to 50 characters, whole in metadata.';


--
-- Name: COLUMN campaign_state_log.metadata; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_state_log.metadata IS 'previous_updated_at, new_updated_at, changed_by and session_user, and what transition_campaign() was given.';


--
-- Name: COLUMN campaign_state_log.created_at; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_state_log.created_at IS 'When it happened: the campaign''s updated_at at the move.';


--
-- Name: campaign_state_log_archive; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_state_log_archive (
    id uuid NOT NULL,
    campaign_id uuid NOT NULL,
    from_state character varying(20),
    to_state character varying(20) NOT NULL,
    trigger_event character varying(50) NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    remark text,
    CONSTRAINT valid_from_state CHECK (((from_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[]))),
    CONSTRAINT valid_state_transition CHECK ((((from_state)::text <> (to_state)::text) OR (from_state IS NULL))),
    CONSTRAINT valid_to_state CHECK (((to_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[])))
)
PARTITION BY RANGE (created_at);


ALTER TABLE public.campaign_state_log_archive OWNER TO copies_owner;

--
-- Name: TABLE campaign_state_log_archive; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON TABLE public.campaign_state_log_archive IS 'Log rows older than a year, moved here by archive_old_state_logs(). No foreign key: deleting a campaign does not erase its archived history.';


--
-- Name: campaign_state_log_archive_default; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_state_log_archive_default (
    id uuid NOT NULL,
    campaign_id uuid NOT NULL,
    from_state character varying(20),
    to_state character varying(20) NOT NULL,
    trigger_event character varying(50) NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    remark text,
    CONSTRAINT valid_from_state CHECK (((from_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[]))),
    CONSTRAINT valid_state_transition CHECK ((((from_state)::text <> (to_state)::text) OR (from_state IS NULL))),
    CONSTRAINT valid_to_state CHECK (((to_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[])))
);


ALTER TABLE public.campaign_state_log_archive_default OWNER TO copies_owner;

--
-- Name: TABLE campaign_state_log_archive_default; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON TABLE public.campaign_state_log_archive_default IS 'The part of the current cut-off month that is already archived.';


--
-- Name: campaign_state_log_archive_y2025m08; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_state_log_archive_y2025m08 (
    id uuid DEFAULT (encode(set_bit(set_bit("overlay"(uuid_send(gen_random_uuid()), "substring"(int8send((floor((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric)))::bigint), 3), 1, 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid NOT NULL,
    campaign_id uuid NOT NULL,
    from_state character varying(20),
    to_state character varying(20) NOT NULL,
    trigger_event character varying(50) NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    remark text DEFAULT 'none'::text,
    CONSTRAINT valid_from_state CHECK (((from_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[]))),
    CONSTRAINT valid_month CHECK (((created_at >= '2025-08-01 00:00:00+00'::timestamp with time zone) AND (created_at < '2025-09-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT valid_state_transition CHECK ((((from_state)::text <> (to_state)::text) OR (from_state IS NULL))),
    CONSTRAINT valid_to_state CHECK (((to_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[])))
);


ALTER TABLE public.campaign_state_log_archive_y2025m08 OWNER TO copies_owner;

--
-- Name: campaign_state_log_archive_y2025m09; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_state_log_archive_y2025m09 (
    id uuid DEFAULT (encode(set_bit(set_bit("overlay"(uuid_send(gen_random_uuid()), "substring"(int8send((floor((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric)))::bigint), 3), 1, 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid NOT NULL,
    campaign_id uuid NOT NULL,
    from_state character varying(20),
    to_state character varying(20) NOT NULL,
    trigger_event character varying(50) NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    remark text DEFAULT 'none'::text,
    CONSTRAINT valid_from_state CHECK (((from_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[]))),
    CONSTRAINT valid_month CHECK (((created_at >= '2025-09-01 00:00:00+00'::timestamp with time zone) AND (created_at < '2025-10-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT valid_state_transition CHECK ((((from_state)::text <> (to_state)::text) OR (from_state IS NULL))),
    CONSTRAINT valid_to_state CHECK (((to_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[])))
);


ALTER TABLE public.campaign_state_log_archive_y2025m09 OWNER TO copies_owner;

--
-- Name: campaign_state_log_archive_y2025m10; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_state_log_archive_y2025m10 (
    id uuid DEFAULT (encode(set_bit(set_bit("overlay"(uuid_send(gen_random_uuid()), "substring"(int8send((floor((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric)))::bigint), 3), 1, 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid NOT NULL,
    campaign_id uuid NOT NULL,
    from_state character varying(20),
    to_state character varying(20) NOT NULL,
    trigger_event character varying(50) NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    remark text DEFAULT 'none'::text,
    CONSTRAINT valid_from_state CHECK (((from_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[]))),
    CONSTRAINT valid_month CHECK (((created_at >= '2025-10-01 00:00:00+00'::timestamp with time zone) AND (created_at < '2025-11-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT valid_state_transition CHECK ((((from_state)::text <> (to_state)::text) OR (from_state IS NULL))),
    CONSTRAINT valid_to_state CHECK (((to_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[])))
);


ALTER TABLE public.campaign_state_log_archive_y2025m10 OWNER TO copies_owner;

--
-- Name: campaign_state_log_default; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_state_log_default (
    id uuid DEFAULT (encode(set_bit(set_bit("overlay"(uuid_send(gen_random_uuid()), "substring"(int8send((floor((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric)))::bigint), 3), 1, 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid NOT NULL,
    campaign_id uuid NOT NULL,
    from_state character varying(20),
    to_state character varying(20) NOT NULL,
    trigger_event character varying(50) NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    remark text DEFAULT 'none'::text,
    CONSTRAINT valid_from_state CHECK (((from_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[]))),
    CONSTRAINT valid_state_transition CHECK ((((from_state)::text <> (to_state)::text) OR (from_state IS NULL))),
    CONSTRAINT valid_to_state CHECK (((to_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[])))
);


ALTER TABLE public.campaign_state_log_default OWNER TO copies_owner;

--
-- Name: TABLE campaign_state_log_default; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON TABLE public.campaign_state_log_default IS 'Log rows of months that have no partition yet; create_monthly_partitions() moves them.';


--
-- Name: campaign_state_log_y2025m11; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_state_log_y2025m11 (
    id uuid DEFAULT (encode(set_bit(set_bit("overlay"(uuid_send(gen_random_uuid()), "substring"(int8send((floor((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric)))::bigint), 3), 1, 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid NOT NULL,
    campaign_id uuid NOT NULL,
    from_state character varying(20),
    to_state character varying(20) NOT NULL,
    trigger_event character varying(50) NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    remark text DEFAULT 'none'::text,
    CONSTRAINT valid_from_state CHECK (((from_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[]))),
    CONSTRAINT valid_month CHECK (((created_at >= '2025-11-01 00:00:00+00'::timestamp with time zone) AND (created_at < '2025-12-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT valid_state_transition CHECK ((((from_state)::text <> (to_state)::text) OR (from_state IS NULL))),
    CONSTRAINT valid_to_state CHECK (((to_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[])))
);


ALTER TABLE public.campaign_state_log_y2025m11 OWNER TO copies_owner;

--
-- Name: campaign_state_log_y2025m12; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_state_log_y2025m12 (
    id uuid DEFAULT (encode(set_bit(set_bit("overlay"(uuid_send(gen_random_uuid()), "substring"(int8send((floor((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric)))::bigint), 3), 1, 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid NOT NULL,
    campaign_id uuid NOT NULL,
    from_state character varying(20),
    to_state character varying(20) NOT NULL,
    trigger_event character varying(50) NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    remark text DEFAULT 'none'::text,
    CONSTRAINT valid_from_state CHECK (((from_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[]))),
    CONSTRAINT valid_month CHECK (((created_at >= '2025-12-01 00:00:00+00'::timestamp with time zone) AND (created_at < '2026-01-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT valid_state_transition CHECK ((((from_state)::text <> (to_state)::text) OR (from_state IS NULL))),
    CONSTRAINT valid_to_state CHECK (((to_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[])))
);


ALTER TABLE public.campaign_state_log_y2025m12 OWNER TO copies_owner;

--
-- Name: campaign_state_log_y2026m01; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_state_log_y2026m01 (
    id uuid DEFAULT (encode(set_bit(set_bit("overlay"(uuid_send(gen_random_uuid()), "substring"(int8send((floor((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric)))::bigint), 3), 1, 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid NOT NULL,
    campaign_id uuid NOT NULL,
    from_state character varying(20),
    to_state character varying(20) NOT NULL,
    trigger_event character varying(50) NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    remark text DEFAULT 'none'::text,
    CONSTRAINT valid_from_state CHECK (((from_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[]))),
    CONSTRAINT valid_month CHECK (((created_at >= '2026-01-01 00:00:00+00'::timestamp with time zone) AND (created_at < '2026-02-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT valid_state_transition CHECK ((((from_state)::text <> (to_state)::text) OR (from_state IS NULL))),
    CONSTRAINT valid_to_state CHECK (((to_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[])))
);


ALTER TABLE public.campaign_state_log_y2026m01 OWNER TO copies_owner;

--
-- Name: campaign_state_log_y2026m02; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_state_log_y2026m02 (
    id uuid DEFAULT (encode(set_bit(set_bit("overlay"(uuid_send(gen_random_uuid()), "substring"(int8send((floor((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric)))::bigint), 3), 1, 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid NOT NULL,
    campaign_id uuid NOT NULL,
    from_state character varying(20),
    to_state character varying(20) NOT NULL,
    trigger_event character varying(50) NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    remark text DEFAULT 'none'::text,
    CONSTRAINT valid_from_state CHECK (((from_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[]))),
    CONSTRAINT valid_month CHECK (((created_at >= '2026-02-01 00:00:00+00'::timestamp with time zone) AND (created_at < '2026-03-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT valid_state_transition CHECK ((((from_state)::text <> (to_state)::text) OR (from_state IS NULL))),
    CONSTRAINT valid_to_state CHECK (((to_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[])))
);


ALTER TABLE public.campaign_state_log_y2026m02 OWNER TO copies_owner;

--
-- Name: campaign_state_log_y2026m03; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_state_log_y2026m03 (
    id uuid DEFAULT (encode(set_bit(set_bit("overlay"(uuid_send(gen_random_uuid()), "substring"(int8send((floor((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric)))::bigint), 3), 1, 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid NOT NULL,
    campaign_id uuid NOT NULL,
    from_state character varying(20),
    to_state character varying(20) NOT NULL,
    trigger_event character varying(50) NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    remark text DEFAULT 'none'::text,
    CONSTRAINT valid_from_state CHECK (((from_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[]))),
    CONSTRAINT valid_month CHECK (((created_at >= '2026-03-01 00:00:00+00'::timestamp with time zone) AND (created_at < '2026-04-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT valid_state_transition CHECK ((((from_state)::text <> (to_state)::text) OR (from_state IS NULL))),
    CONSTRAINT valid_to_state CHECK (((to_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[])))
);


ALTER TABLE public.campaign_state_log_y2026m03 OWNER TO copies_owner;

--
-- Name: campaign_state_log_y2026m04; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_state_log_y2026m04 (
    id uuid DEFAULT (encode(set_bit(set_bit("overlay"(uuid_send(gen_random_uuid()), "substring"(int8send((floor((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric)))::bigint), 3), 1, 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid NOT NULL,
    campaign_id uuid NOT NULL,
    from_state character varying(20),
    to_state character varying(20) NOT NULL,
    trigger_event character varying(50) NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    remark text DEFAULT 'none'::text,
    CONSTRAINT valid_from_state CHECK (((from_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[]))),
    CONSTRAINT valid_month CHECK (((created_at >= '2026-04-01 00:00:00+00'::timestamp with time zone) AND (created_at < '2026-05-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT valid_state_transition CHECK ((((from_state)::text <> (to_state)::text) OR (from_state IS NULL))),
    CONSTRAINT valid_to_state CHECK (((to_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[])))
);


ALTER TABLE public.campaign_state_log_y2026m04 OWNER TO copies_owner;

--
-- Name: campaign_state_log_y2026m05; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_state_log_y2026m05 (
    id uuid DEFAULT (encode(set_bit(set_bit("overlay"(uuid_send(gen_random_uuid()), "substring"(int8send((floor((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric)))::bigint), 3), 1, 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid NOT NULL,
    campaign_id uuid NOT NULL,
    from_state character varying(20),
    to_state character varying(20) NOT NULL,
    trigger_event character varying(50) NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    remark text DEFAULT 'none'::text,
    CONSTRAINT valid_from_state CHECK (((from_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[]))),
    CONSTRAINT valid_month CHECK (((created_at >= '2026-05-01 00:00:00+00'::timestamp with time zone) AND (created_at < '2026-06-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT valid_state_transition CHECK ((((from_state)::text <> (to_state)::text) OR (from_state IS NULL))),
    CONSTRAINT valid_to_state CHECK (((to_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[])))
);


ALTER TABLE public.campaign_state_log_y2026m05 OWNER TO copies_owner;

--
-- Name: campaign_state_log_y2026m06; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_state_log_y2026m06 (
    id uuid DEFAULT (encode(set_bit(set_bit("overlay"(uuid_send(gen_random_uuid()), "substring"(int8send((floor((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric)))::bigint), 3), 1, 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid NOT NULL,
    campaign_id uuid NOT NULL,
    from_state character varying(20),
    to_state character varying(20) NOT NULL,
    trigger_event character varying(50) NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    remark text DEFAULT 'none'::text,
    CONSTRAINT valid_from_state CHECK (((from_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[]))),
    CONSTRAINT valid_month CHECK (((created_at >= '2026-06-01 00:00:00+00'::timestamp with time zone) AND (created_at < '2026-07-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT valid_state_transition CHECK ((((from_state)::text <> (to_state)::text) OR (from_state IS NULL))),
    CONSTRAINT valid_to_state CHECK (((to_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[])))
);


ALTER TABLE public.campaign_state_log_y2026m06 OWNER TO copies_owner;

--
-- Name: campaign_state_log_y2026m07; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_state_log_y2026m07 (
    id uuid DEFAULT (encode(set_bit(set_bit("overlay"(uuid_send(gen_random_uuid()), "substring"(int8send((floor((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric)))::bigint), 3), 1, 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid NOT NULL,
    campaign_id uuid NOT NULL,
    from_state character varying(20),
    to_state character varying(20) NOT NULL,
    trigger_event character varying(50) NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    remark text DEFAULT 'none'::text,
    CONSTRAINT valid_from_state CHECK (((from_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[]))),
    CONSTRAINT valid_month CHECK (((created_at >= '2026-07-01 00:00:00+00'::timestamp with time zone) AND (created_at < '2026-08-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT valid_state_transition CHECK ((((from_state)::text <> (to_state)::text) OR (from_state IS NULL))),
    CONSTRAINT valid_to_state CHECK (((to_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[])))
);


ALTER TABLE public.campaign_state_log_y2026m07 OWNER TO copies_owner;

--
-- Name: campaign_state_log_y2026m08; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_state_log_y2026m08 (
    id uuid DEFAULT (encode(set_bit(set_bit("overlay"(uuid_send(gen_random_uuid()), "substring"(int8send((floor((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric)))::bigint), 3), 1, 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid NOT NULL,
    campaign_id uuid NOT NULL,
    from_state character varying(20),
    to_state character varying(20) NOT NULL,
    trigger_event character varying(50) NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    remark text DEFAULT 'none'::text,
    CONSTRAINT valid_from_state CHECK (((from_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[]))),
    CONSTRAINT valid_month CHECK (((created_at >= '2026-08-01 00:00:00+00'::timestamp with time zone) AND (created_at < '2026-09-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT valid_state_transition CHECK ((((from_state)::text <> (to_state)::text) OR (from_state IS NULL))),
    CONSTRAINT valid_to_state CHECK (((to_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[])))
);


ALTER TABLE public.campaign_state_log_y2026m08 OWNER TO copies_owner;

--
-- Name: campaign_state_log_y2026m09; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_state_log_y2026m09 (
    id uuid DEFAULT (encode(set_bit(set_bit("overlay"(uuid_send(gen_random_uuid()), "substring"(int8send((floor((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric)))::bigint), 3), 1, 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid NOT NULL,
    campaign_id uuid NOT NULL,
    from_state character varying(20),
    to_state character varying(20) NOT NULL,
    trigger_event character varying(50) NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    remark text DEFAULT 'none'::text,
    CONSTRAINT valid_from_state CHECK (((from_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[]))),
    CONSTRAINT valid_month CHECK (((created_at >= '2026-09-01 00:00:00+00'::timestamp with time zone) AND (created_at < '2026-10-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT valid_state_transition CHECK ((((from_state)::text <> (to_state)::text) OR (from_state IS NULL))),
    CONSTRAINT valid_to_state CHECK (((to_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[])))
);


ALTER TABLE public.campaign_state_log_y2026m09 OWNER TO copies_owner;

--
-- Name: campaign_state_log_y2026m10; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_state_log_y2026m10 (
    id uuid DEFAULT (encode(set_bit(set_bit("overlay"(uuid_send(gen_random_uuid()), "substring"(int8send((floor((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric)))::bigint), 3), 1, 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid NOT NULL,
    campaign_id uuid NOT NULL,
    from_state character varying(20),
    to_state character varying(20) NOT NULL,
    trigger_event character varying(50) NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    remark text DEFAULT 'none'::text,
    CONSTRAINT valid_from_state CHECK (((from_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[]))),
    CONSTRAINT valid_month CHECK (((created_at >= '2026-10-01 00:00:00+00'::timestamp with time zone) AND (created_at < '2026-11-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT valid_state_transition CHECK ((((from_state)::text <> (to_state)::text) OR (from_state IS NULL))),
    CONSTRAINT valid_to_state CHECK (((to_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[])))
);


ALTER TABLE public.campaign_state_log_y2026m10 OWNER TO copies_owner;

--
-- Name: campaign_state_log_y2026m11; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_state_log_y2026m11 (
    id uuid DEFAULT (encode(set_bit(set_bit("overlay"(uuid_send(gen_random_uuid()), "substring"(int8send((floor((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric)))::bigint), 3), 1, 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid NOT NULL,
    campaign_id uuid NOT NULL,
    from_state character varying(20),
    to_state character varying(20) NOT NULL,
    trigger_event character varying(50) NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    remark text DEFAULT 'none'::text,
    CONSTRAINT valid_from_state CHECK (((from_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[]))),
    CONSTRAINT valid_month CHECK (((created_at >= '2026-11-01 00:00:00+00'::timestamp with time zone) AND (created_at < '2026-12-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT valid_state_transition CHECK ((((from_state)::text <> (to_state)::text) OR (from_state IS NULL))),
    CONSTRAINT valid_to_state CHECK (((to_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[])))
);


ALTER TABLE public.campaign_state_log_y2026m11 OWNER TO copies_owner;

--
-- Name: campaign_state_log_y2026m12; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_state_log_y2026m12 (
    id uuid DEFAULT (encode(set_bit(set_bit("overlay"(uuid_send(gen_random_uuid()), "substring"(int8send((floor((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric)))::bigint), 3), 1, 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid NOT NULL,
    campaign_id uuid NOT NULL,
    from_state character varying(20),
    to_state character varying(20) NOT NULL,
    trigger_event character varying(50) NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    remark text DEFAULT 'none'::text,
    CONSTRAINT valid_from_state CHECK (((from_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[]))),
    CONSTRAINT valid_month CHECK (((created_at >= '2026-12-01 00:00:00+00'::timestamp with time zone) AND (created_at < '2027-01-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT valid_state_transition CHECK ((((from_state)::text <> (to_state)::text) OR (from_state IS NULL))),
    CONSTRAINT valid_to_state CHECK (((to_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[])))
);


ALTER TABLE public.campaign_state_log_y2026m12 OWNER TO copies_owner;

--
-- Name: campaign_state_log_y2027m01; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_state_log_y2027m01 (
    id uuid DEFAULT (encode(set_bit(set_bit("overlay"(uuid_send(gen_random_uuid()), "substring"(int8send((floor((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric)))::bigint), 3), 1, 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid NOT NULL,
    campaign_id uuid NOT NULL,
    from_state character varying(20),
    to_state character varying(20) NOT NULL,
    trigger_event character varying(50) NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    remark text DEFAULT 'none'::text,
    CONSTRAINT valid_from_state CHECK (((from_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[]))),
    CONSTRAINT valid_month CHECK (((created_at >= '2027-01-01 00:00:00+00'::timestamp with time zone) AND (created_at < '2027-02-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT valid_state_transition CHECK ((((from_state)::text <> (to_state)::text) OR (from_state IS NULL))),
    CONSTRAINT valid_to_state CHECK (((to_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[])))
);


ALTER TABLE public.campaign_state_log_y2027m01 OWNER TO copies_owner;

--
-- Name: campaign_state_log_y2027m02; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_state_log_y2027m02 (
    id uuid DEFAULT (encode(set_bit(set_bit("overlay"(uuid_send(gen_random_uuid()), "substring"(int8send((floor((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric)))::bigint), 3), 1, 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid NOT NULL,
    campaign_id uuid NOT NULL,
    from_state character varying(20),
    to_state character varying(20) NOT NULL,
    trigger_event character varying(50) NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    remark text DEFAULT 'none'::text,
    CONSTRAINT valid_from_state CHECK (((from_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[]))),
    CONSTRAINT valid_month CHECK (((created_at >= '2027-02-01 00:00:00+00'::timestamp with time zone) AND (created_at < '2027-03-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT valid_state_transition CHECK ((((from_state)::text <> (to_state)::text) OR (from_state IS NULL))),
    CONSTRAINT valid_to_state CHECK (((to_state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[])))
);


ALTER TABLE public.campaign_state_log_y2027m02 OWNER TO copies_owner;

--
-- Name: campaign_table_sizes; Type: VIEW; Schema: public; Owner: copies_owner
--

CREATE VIEW public.campaign_table_sizes WITH (security_invoker='true') AS
 SELECT n.nspname AS schemaname,
    c.relname AS tablename,
    s.attname,
    s.n_distinct,
    s.correlation,
    (sum(p.rows))::bigint AS live_rows,
    (sum(p.dead_rows))::bigint AS dead_rows,
    (sum(p.heap_bytes))::bigint AS heap_bytes,
    (sum(p.index_bytes))::bigint AS index_bytes,
    (sum(p.toast_bytes))::bigint AS toast_bytes,
    (sum(p.total_bytes))::bigint AS total_bytes,
    (count(*) FILTER (WHERE p.is_partition))::integer AS partitions,
    max(p.last_vacuum) AS last_vacuum,
    max(p.last_analyze) AS last_analyze
   FROM (((pg_class c
     JOIN pg_namespace n ON ((n.oid = c.relnamespace)))
     CROSS JOIN LATERAL ( SELECT (t.relid <> c.oid) AS is_partition,
            COALESCE(pg_stat_get_live_tuples(t.relid), (0)::bigint) AS rows,
            COALESCE(pg_stat_get_dead_tuples(t.relid), (0)::bigint) AS dead_rows,
            COALESCE(((pg_relation_size((t.relid)::regclass) + pg_relation_size((t.relid)::regclass, 'fsm'::text)) + pg_relation_size((t.relid)::regclass, 'vm'::text)), (0)::bigint) AS heap_bytes,
            COALESCE(pg_indexes_size((t.relid)::regclass), (0)::bigint) AS index_bytes,
            COALESCE(((((pg_table_size((t.relid)::regclass) - pg_relation_size((t.relid)::regclass)) - pg_relation_size((t.relid)::regclass, 'fsm'::text)) - pg_relation_size((t.relid)::regclass, 'vm'::text)) - pg_relation_size((t.relid)::regclass, 'init'::text)), (0)::bigint) AS toast_bytes,
            COALESCE(pg_total_relation_size((t.relid)::regclass), (0)::bigint) AS total_bytes,
            GREATEST(pg_stat_get_last_vacuum_time(t.relid), pg_stat_get_last_autovacuum_time(t.relid)) AS last_vacuum,
            GREATEST(pg_stat_get_last_analyze_time(t.relid), pg_stat_get_last_autoanalyze_time(t.relid)) AS last_analyze
           FROM ( SELECT c.oid AS relid
                  WHERE (c.relkind <> 'p'::"char")
                UNION
                 SELECT i.relid
                   FROM pg_partition_tree((c.oid)::regclass) i(relid, parentrelid, isleaf, level)
                  WHERE (c.relkind = 'p'::"char")) t) p)
     LEFT JOIN LATERAL ( SELECT array_agg(a.attname ORDER BY a.attname) AS attname,
            array_agg(a.n_distinct ORDER BY a.attname) AS n_distinct,
            array_agg(a.correlation ORDER BY a.attname) AS correlation
           FROM pg_stats a
          WHERE ((a.schemaname = n.nspname) AND (a.tablename = c.relname) AND (NOT (a.inherited AND (c.relkind <> 'p'::"char"))))) s ON (true))
  WHERE ((c.relnamespace = ( SELECT t.relnamespace
           FROM pg_class t
          WHERE (t.oid = ('public.campaigns'::regclass)::oid))) AND (c.relkind = ANY (ARRAY['r'::"char", 'p'::"char", 'm'::"char"])) AND (NOT c.relispartition) AND ((c.relname ~~ 'campaign%'::text) OR (c.relname = ANY (ARRAY['timer_executions'::name, 'mv_active_campaigns'::name, 'mv_pending_timers'::name]))))
  GROUP BY n.nspname, c.relname, s.attname, s.n_distinct, s.correlation
  ORDER BY c.relname;


ALTER TABLE public.campaign_table_sizes OWNER TO copies_owner;

--
-- Name: VIEW campaign_table_sizes; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON VIEW public.campaign_table_sizes IS 'Real sizes in bytes of the campaign tables, one row a table, partitions summed; rows and dead rows as the statistics know them. total_bytes is heap, indexes and toast. Since 1.1.';


--
-- Name: COLUMN campaign_table_sizes.attname; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_table_sizes.attname IS 'The columns that have planner statistics and may be read, by name; NULL before the first ANALYZE.';


--
-- Name: COLUMN campaign_table_sizes.n_distinct; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_table_sizes.n_distinct IS 'Of each column of attname, as in pg_stats.';


--
-- Name: COLUMN campaign_table_sizes.correlation; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_table_sizes.correlation IS 'Of each column of attname, as in pg_stats.';


--
-- Name: COLUMN campaign_table_sizes.dead_rows; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_table_sizes.dead_rows IS 'Row versions that vacuum has yet to remove.';


--
-- Name: COLUMN campaign_table_sizes.partitions; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_table_sizes.partitions IS 'Partitions summed; 0 for a plain table.';


--
-- Name: campaign_tables_version; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_tables_version (
    version text NOT NULL
);


ALTER TABLE public.campaign_tables_version OWNER TO copies_owner;

--
-- Name: TABLE campaign_tables_version; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON TABLE public.campaign_tables_version IS 'The version of campaign_lifecycle whose tables these are. Dumps carry it, so that old tables under new functions are noticed; upgrade_campaign_tables() brings them up.';


--
-- Name: campaign_timer_handlers; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_timer_handlers (
    timer_type character varying(50) NOT NULL,
    handler text NOT NULL,
    handler_owner name NOT NULL,
    timeout interval,
    registered_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT valid_timeout CHECK ((timeout > '00:00:00'::interval)),
    CONSTRAINT valid_timer_type CHECK (((timer_type)::text = ANY ((ARRAY['START_CAMPAIGN'::character varying, 'CLOSE_CAMPAIGN'::character varying, 'EXPIRE_CAMPAIGN'::character varying, 'REWARD_REMINDER'::character varying])::text[])))
);


ALTER TABLE public.campaign_timer_handlers OWNER TO copies_owner;

--
-- Name: TABLE campaign_timer_handlers; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON TABLE public.campaign_timer_handlers IS 'The user functions that run with timers, one a type; written by register_handler() and unregister_handler(). Kept as text, since pg_upgrade refuses columns of type regprocedure.';


--
-- Name: campaign_timer_policies; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.campaign_timer_policies (
    state character varying(20) NOT NULL,
    timer_type character varying(50) NOT NULL,
    anchor character varying(20) NOT NULL,
    delay interval DEFAULT '00:00:00'::interval NOT NULL,
    only_when name,
    CONSTRAINT valid_anchor CHECK (((anchor)::text = ANY ((ARRAY['start_time'::character varying, 'end_time'::character varying, 'entered'::character varying])::text[]))),
    CONSTRAINT valid_delay CHECK (((EXTRACT(year FROM delay) = (0)::numeric) AND (EXTRACT(month FROM delay) = (0)::numeric) AND (EXTRACT(day FROM delay) = (0)::numeric) AND ((delay >= '-876600:00:00'::interval) AND (delay <= '876600:00:00'::interval)))),
    CONSTRAINT valid_state CHECK (((state)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying])::text[]))),
    CONSTRAINT valid_timer_type CHECK (((timer_type)::text = ANY ((ARRAY['START_CAMPAIGN'::character varying, 'CLOSE_CAMPAIGN'::character varying, 'EXPIRE_CAMPAIGN'::character varying, 'REWARD_REMINDER'::character varying])::text[])))
);


ALTER TABLE public.campaign_timer_policies OWNER TO copies_owner;

--
-- Name: TABLE campaign_timer_policies; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON TABLE public.campaign_timer_policies IS 'The timers a campaign gets on entering a state. Edit delays, add and delete rows; timers that already wait move when their campaign next enters a state, or by schedule_campaign_timers().';


--
-- Name: COLUMN campaign_timer_policies.state; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_timer_policies.state IS 'The state entered.';


--
-- Name: COLUMN campaign_timer_policies.timer_type; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_timer_policies.timer_type IS 'The timer the campaign gets.';


--
-- Name: COLUMN campaign_timer_policies.anchor; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_timer_policies.anchor IS 'What the delay counts from: the campaign''s start_time or end_time, or entered, the actual time of the move.';


--
-- Name: COLUMN campaign_timer_policies.delay; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_timer_policies.delay IS 'Added to the anchor; in hours, minutes and seconds, since a day is not 24 hours when clocks change.';


--
-- Name: COLUMN campaign_timer_policies.only_when; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.campaign_timer_policies.only_when IS 'A boolean column of campaigns that must be true, or NULL.';


--
-- Name: timer_executions; Type: TABLE; Schema: public; Owner: copies_owner
--

CREATE TABLE public.timer_executions (
    id uuid DEFAULT (encode(set_bit(set_bit("overlay"(uuid_send(gen_random_uuid()), "substring"(int8send((floor((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric)))::bigint), 3), 1, 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid NOT NULL,
    timer_id uuid NOT NULL,
    status character varying(20) DEFAULT 'STARTED'::character varying NOT NULL,
    result jsonb,
    error_message text,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    completed_at timestamp with time zone,
    execution_time_ms integer,
    CONSTRAINT valid_completion CHECK (((((status)::text = 'COMPLETED'::text) AND (completed_at IS NOT NULL)) OR (((status)::text = 'FAILED'::text) AND (completed_at IS NOT NULL)) OR (((status)::text = 'STARTED'::text) AND (completed_at IS NULL)))),
    CONSTRAINT valid_execution_status CHECK (((status)::text = ANY ((ARRAY['STARTED'::character varying, 'COMPLETED'::character varying, 'FAILED'::character varying])::text[]))),
    CONSTRAINT valid_execution_time CHECK (((execution_time_ms IS NULL) OR (execution_time_ms >= 0)))
);


ALTER TABLE public.timer_executions OWNER TO copies_owner;

--
-- Name: TABLE timer_executions; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON TABLE public.timer_executions IS 'Every attempt at a timer, one row each.';


--
-- Name: COLUMN timer_executions.result; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.timer_executions.result IS '{"from", "to"} of a move, {"event"} of a reminder, {"skipped": true, "reason"} when there was nothing to do; with a handler also its own result under "handler".';


--
-- Name: COLUMN timer_executions.error_message; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.timer_executions.error_message IS 'Of a failed attempt: SQLSTATE: message.';


--
-- Name: COLUMN timer_executions.execution_time_ms; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.timer_executions.execution_time_ms IS 'Milliseconds; of a batch, its time divided by its timers.';


--
-- Name: dead_timers; Type: VIEW; Schema: public; Owner: copies_owner
--

CREATE VIEW public.dead_timers WITH (security_invoker='true') AS
 SELECT t.campaign_id,
    t.timer_type,
    t.retry_count,
    t.scheduled_at,
    t.updated_at,
    t.id AS timer_id,
    c.status AS campaign_status,
    ( SELECT (array_agg(e.error_message ORDER BY e.started_at DESC, e.id DESC))[1] AS array_agg
           FROM public.timer_executions e
          WHERE ((e.timer_id = t.id) AND ((e.status)::text = 'FAILED'::text))) AS last_error
   FROM (public.campaign_timers t
     JOIN public.campaigns c ON ((c.id = t.campaign_id)))
  WHERE (((t.status)::text = 'FAILED'::text) AND (t.retry_count >= LEAST(5, (COALESCE(current_setting('campaign_lifecycle.max_attempts'::text, true), '5'::text))::integer)));


ALTER TABLE public.dead_timers OWNER TO copies_owner;

--
-- Name: VIEW dead_timers; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON VIEW public.dead_timers IS 'Dead letters: timers that failed at every attempt, with the last error as SQLSTATE: message. retry_timer() revives one, cancel_timer() ends it. Since 1.1.';


--
-- Name: COLUMN dead_timers.scheduled_at; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.dead_timers.scheduled_at IS 'When the last attempt was due.';


--
-- Name: COLUMN dead_timers.updated_at; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.dead_timers.updated_at IS 'When it failed for the last time.';


--
-- Name: failed_timers; Type: VIEW; Schema: public; Owner: copies_owner
--

CREATE VIEW public.failed_timers WITH (security_invoker='true') AS
 SELECT t.campaign_id,
    t.timer_type,
    t.retry_count,
    t.scheduled_at,
    t.updated_at,
    t.id AS timer_id,
    ((COALESCE(current_setting('campaign_lifecycle.max_attempts'::text, true), '5'::text))::integer - t.retry_count) AS attempts_left,
    ( SELECT (array_agg(e.error_message ORDER BY e.started_at DESC, e.id DESC))[1] AS array_agg
           FROM public.timer_executions e
          WHERE ((e.timer_id = t.id) AND ((e.status)::text = 'FAILED'::text))) AS last_error
   FROM public.campaign_timers t
  WHERE (((t.status)::text = 'FAILED'::text) AND (t.retry_count < 5) AND (t.retry_count < (COALESCE(current_setting('campaign_lifecycle.max_attempts'::text, true), '5'::text))::integer) AND (t.updated_at < (now() - '00:05:00'::interval)));


ALTER TABLE public.failed_timers OWNER TO copies_owner;

--
-- Name: VIEW failed_timers; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON VIEW public.failed_timers IS 'Timers whose last attempt failed more than 5 minutes ago and that have attempts left: scheduled_at says when each is tried again. Those without an attempt left are in dead_timers. Since 1.1.';


--
-- Name: mv_active_campaigns; Type: MATERIALIZED VIEW; Schema: public; Owner: copies_owner
--

CREATE MATERIALIZED VIEW public.mv_active_campaigns AS
 SELECT c.status,
    count(*) AS campaign_count,
    avg(c.duration_hours) AS avg_duration,
    min(c.created_at) AS oldest_campaign,
    max(c.created_at) AS newest_campaign,
    count(c.duration_hours) AS duration_count,
    sum(c.duration_hours) AS duration_sum
   FROM public.campaigns c
  WHERE ((c.status)::text = ANY ((ARRAY['CREATED'::character varying, 'RUNNING'::character varying, 'REWARD_CLAIM'::character varying])::text[]))
  GROUP BY c.status
  WITH NO DATA;


ALTER TABLE public.mv_active_campaigns OWNER TO copies_owner;

--
-- Name: MATERIALIZED VIEW mv_active_campaigns; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON MATERIALIZED VIEW public.mv_active_campaigns IS 'Campaigns by state, as of the last refresh; the worker refreshes it every five minutes if it has changed. duration_count and duration_sum add up over servers, averages do not.';


--
-- Name: mv_pending_timers; Type: MATERIALIZED VIEW; Schema: public; Owner: copies_owner
--

CREATE MATERIALIZED VIEW public.mv_pending_timers AS
 SELECT t.timer_type,
    count(*) AS timer_count,
    min(t.scheduled_at) AS next_execution,
    avg(t.retry_count) AS avg_retries,
    count(t.retry_count) AS retries_count,
    sum(t.retry_count) AS retries_sum
   FROM public.campaign_timers t
  WHERE (((t.status)::text = 'PENDING'::text) AND (t.scheduled_at <= (now() + '01:00:00'::interval)))
  GROUP BY t.timer_type
  WITH NO DATA;


ALTER TABLE public.mv_pending_timers OWNER TO copies_owner;

--
-- Name: MATERIALIZED VIEW mv_pending_timers; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON MATERIALIZED VIEW public.mv_pending_timers IS 'Timers due within the hour by type, as of the last refresh; the worker refreshes it every minute if it has changed. retries_count and retries_sum add up over servers, averages do not.';


--
-- Name: seen; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.seen (
    id uuid,
    status text
);


ALTER TABLE public.seen OWNER TO postgres;

--
-- Name: stuck_timers; Type: VIEW; Schema: public; Owner: copies_owner
--

CREATE VIEW public.stuck_timers WITH (security_invoker='true') AS
 SELECT t.timer_type,
    count(*) AS stuck_count,
    min(t.scheduled_at) AS oldest_stuck,
    sum((now() - t.scheduled_at)) AS total_lateness,
    avg((now() - t.scheduled_at)) AS avg_lateness,
    max((now() - t.scheduled_at)) AS max_lateness
   FROM public.campaign_timers t
  WHERE (((t.status)::text = 'PENDING'::text) AND (t.scheduled_at < (now() - '00:10:00'::interval)))
  GROUP BY t.timer_type;


ALTER TABLE public.stuck_timers OWNER TO copies_owner;

--
-- Name: VIEW stuck_timers; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON VIEW public.stuck_timers IS 'Timers that should have fired more than 10 minutes ago and were not even tried, by type; empty while a worker runs. upcoming_timers tells why each waits. Since 1.1.';


--
-- Name: COLUMN stuck_timers.total_lateness; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.stuck_timers.total_lateness IS 'Sum of the lateness of the stuck timers; avg_lateness is this divided by stuck_count.';


--
-- Name: timer_execution_stats; Type: VIEW; Schema: public; Owner: copies_owner
--

CREATE VIEW public.timer_execution_stats WITH (security_invoker='true') AS
 WITH RECURSIVE used(timer_type) AS (
        ( SELECT t.timer_type
           FROM public.campaign_timers t
          ORDER BY t.timer_type
         LIMIT 1)
        UNION ALL
         SELECT ( SELECT t.timer_type
                   FROM public.campaign_timers t
                  WHERE ((t.timer_type)::text > (u.timer_type)::text)
                  ORDER BY t.timer_type
                 LIMIT 1) AS timer_type
           FROM used u
          WHERE (u.timer_type IS NOT NULL)
        ), types AS (
         SELECT m.timer_type
           FROM public.campaign_state_transitions m
          WHERE (m.timer_type IS NOT NULL)
        UNION
         SELECT p.timer_type
           FROM public.campaign_timer_policies p
        UNION
         SELECT u.timer_type
           FROM used u
          WHERE (u.timer_type IS NOT NULL)
        ), executed AS (
         SELECT t.timer_type,
            count(*) AS executions,
            sum(e.execution_time_ms) AS total_ms,
            count(e.execution_time_ms) AS measured,
            max(e.execution_time_ms) AS max_ms,
            count(*) FILTER (WHERE ((e.status)::text = 'FAILED'::text)) AS failures,
            count(*) FILTER (WHERE (e.result ? 'skipped'::text)) AS skipped
           FROM (public.timer_executions e
             JOIN public.campaign_timers t ON ((t.id = e.timer_id)))
          WHERE (e.started_at > (now() - '24:00:00'::interval))
          GROUP BY t.timer_type
        )
 SELECT y.timer_type,
    COALESCE(x.executions, (0)::bigint) AS executions,
    round(((x.total_ms)::numeric / (NULLIF(x.measured, 0))::numeric)) AS avg_ms,
    x.max_ms,
    COALESCE(x.failures, (0)::bigint) AS failures,
    COALESCE(x.skipped, (0)::bigint) AS skipped,
    COALESCE(x.measured, (0)::bigint) AS measured,
    COALESCE(x.total_ms, (0)::bigint) AS total_ms
   FROM (types y
     LEFT JOIN executed x ON (((x.timer_type)::text = (y.timer_type)::text)))
  ORDER BY (round(((x.total_ms)::numeric / (NULLIF(x.measured, 0))::numeric))) DESC NULLS LAST, y.timer_type;


ALTER TABLE public.timer_execution_stats OWNER TO copies_owner;

--
-- Name: VIEW timer_execution_stats; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON VIEW public.timer_execution_stats IS 'Attempts of the last 24 hours by timer type, the idle types included; times in milliseconds. avg_ms is total_ms divided by measured, the attempts whose time is known. Since 1.1.';


--
-- Name: COLUMN timer_execution_stats.failures; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.timer_execution_stats.failures IS 'Failed attempts.';


--
-- Name: COLUMN timer_execution_stats.skipped; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.timer_execution_stats.skipped IS 'Attempts that found nothing to do: too late, or switched off.';


--
-- Name: upcoming_timers; Type: VIEW; Schema: public; Owner: copies_owner
--

CREATE VIEW public.upcoming_timers WITH (security_invoker='true') AS
 SELECT w.scheduled_at,
    w.timer_type,
    w.campaign_id,
    w.id AS timer_id,
    w.status,
    w.retry_count,
    w.campaign_status,
    (w.scheduled_at <= now()) AS due,
    GREATEST((now() - w.scheduled_at), '00:00:00'::interval) AS lateness,
        CASE
            WHEN ( SELECT (to_regclass('public.campaign_activation'::text) IS NULL)) THEN 'not installed'::text
            WHEN ( SELECT (COALESCE(current_setting('campaign_lifecycle.enabled'::text, true), 'on'::text) = 'off'::text)) THEN 'disabled'::text
            WHEN ( SELECT
                    CASE
                        WHEN has_table_privilege((to_regclass('public.campaign_activation'::text))::oid, 'SELECT'::text) THEN ((query_to_xml('SELECT 1 AS active FROM public.campaign_activation AS a JOIN pg_catalog.pg_database AS d ON d.oid OPERATOR(pg_catalog.=) a.database_oid
						WHERE NOT a.paused AND d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()'::text, true, false, ''::text))::text !~~ '%active%'::text)
                        ELSE NULL::boolean
                    END AS "case") THEN 'paused'::text
            WHEN ((w.scheduled_at > now()) AND ((w.status)::text = 'FAILED'::text)) THEN 'waits for its next attempt'::text
            WHEN (w.scheduled_at > now()) THEN 'waits for its time'::text
            WHEN (w.blocker IS NOT NULL) THEN 'waits for an earlier timer'::text
            ELSE 'due'::text
        END AS waits_because,
    w.blocker AS waits_for_timer
   FROM ( SELECT u.id,
            u.campaign_id,
            u.timer_type,
            u.status,
            u.scheduled_at,
            u.retry_count,
            ( SELECT c.status
                   FROM public.campaigns c
                  WHERE (c.id = u.campaign_id)) AS campaign_status,
            ( SELECT e.id
                   FROM ( SELECT t.id,
                            t.timer_type,
                            t.status,
                            t.scheduled_at,
                            t.retry_count
                           FROM public.campaign_timers t
                          WHERE (t.campaign_id = u.campaign_id)
                         OFFSET 0) e
                  WHERE ((e.id <> u.id) AND (((e.status)::text = 'RUNNING'::text) OR ((((e.status)::text = 'PENDING'::text) OR (((e.status)::text = 'FAILED'::text) AND (e.retry_count < (COALESCE(current_setting('campaign_lifecycle.max_attempts'::text, true), '5'::text))::integer))) AND ((e.scheduled_at < u.scheduled_at) OR ((e.scheduled_at = u.scheduled_at) AND (ROW(COALESCE(( SELECT min(m.priority) AS min
                           FROM public.campaign_state_transitions m
                          WHERE ((m.timer_type)::text = (e.timer_type)::text)), 2147483647), e.id) < ROW(COALESCE(( SELECT min(m.priority) AS min
                           FROM public.campaign_state_transitions m
                          WHERE ((m.timer_type)::text = (u.timer_type)::text)), 2147483647), u.id)))))))
                  ORDER BY ((e.status)::text <> 'RUNNING'::text), e.scheduled_at, e.id
                 LIMIT 1) AS blocker
           FROM (( SELECT t.id,
                    t.campaign_id,
                    t.timer_type,
                    t.status,
                    t.scheduled_at,
                    t.retry_count
                   FROM public.campaign_timers t
                  WHERE ((t.status)::text = 'PENDING'::text)
                  ORDER BY t.scheduled_at)
                UNION ALL
                ( SELECT t.id,
                    t.campaign_id,
                    t.timer_type,
                    t.status,
                    t.scheduled_at,
                    t.retry_count
                   FROM public.campaign_timers t
                  WHERE (((t.status)::text = 'FAILED'::text) AND (t.retry_count < 5) AND (t.retry_count < (COALESCE(current_setting('campaign_lifecycle.max_attempts'::text, true), '5'::text))::integer))
                  ORDER BY t.scheduled_at)) u) w
  ORDER BY w.scheduled_at;


ALTER TABLE public.upcoming_timers OWNER TO copies_owner;

--
-- Name: VIEW upcoming_timers; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON VIEW public.upcoming_timers IS 'What fires next, over all campaigns, earliest first, and why each has not fired yet. Read it with LIMIT, or with a condition on scheduled_at: then it costs the same with millions of timers. Since 1.1.';


--
-- Name: COLUMN upcoming_timers.scheduled_at; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.upcoming_timers.scheduled_at IS 'When it is due; of a failed one, when it is tried again.';


--
-- Name: COLUMN upcoming_timers.lateness; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.upcoming_timers.lateness IS 'How long it has been due; 0 before its time.';


--
-- Name: COLUMN upcoming_timers.waits_because; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.upcoming_timers.waits_because IS 'due (fires at once, or waits for a lock), waits for its time, waits for its next attempt, waits for an earlier timer, paused (pause_timers(), or a restored copy: resume_timers()), disabled (campaign_lifecycle.enabled is off), not installed.';


--
-- Name: COLUMN upcoming_timers.waits_for_timer; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON COLUMN public.upcoming_timers.waits_for_timer IS 'The first timer of its campaign that must be done before this one.';


--
-- Name: campaign_state_log_archive_default; Type: TABLE ATTACH; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log_archive ATTACH PARTITION public.campaign_state_log_archive_default DEFAULT;


--
-- Name: campaign_state_log_archive_y2025m08; Type: TABLE ATTACH; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log_archive ATTACH PARTITION public.campaign_state_log_archive_y2025m08 FOR VALUES FROM ('2025-08-01 00:00:00+00') TO ('2025-09-01 00:00:00+00');


--
-- Name: campaign_state_log_archive_y2025m09; Type: TABLE ATTACH; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log_archive ATTACH PARTITION public.campaign_state_log_archive_y2025m09 FOR VALUES FROM ('2025-09-01 00:00:00+00') TO ('2025-10-01 00:00:00+00');


--
-- Name: campaign_state_log_archive_y2025m10; Type: TABLE ATTACH; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log_archive ATTACH PARTITION public.campaign_state_log_archive_y2025m10 FOR VALUES FROM ('2025-10-01 00:00:00+00') TO ('2025-11-01 00:00:00+00');


--
-- Name: campaign_state_log_default; Type: TABLE ATTACH; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log ATTACH PARTITION public.campaign_state_log_default DEFAULT;


--
-- Name: campaign_state_log_y2025m11; Type: TABLE ATTACH; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log ATTACH PARTITION public.campaign_state_log_y2025m11 FOR VALUES FROM ('2025-11-01 00:00:00+00') TO ('2025-12-01 00:00:00+00');


--
-- Name: campaign_state_log_y2025m12; Type: TABLE ATTACH; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log ATTACH PARTITION public.campaign_state_log_y2025m12 FOR VALUES FROM ('2025-12-01 00:00:00+00') TO ('2026-01-01 00:00:00+00');


--
-- Name: campaign_state_log_y2026m01; Type: TABLE ATTACH; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log ATTACH PARTITION public.campaign_state_log_y2026m01 FOR VALUES FROM ('2026-01-01 00:00:00+00') TO ('2026-02-01 00:00:00+00');


--
-- Name: campaign_state_log_y2026m02; Type: TABLE ATTACH; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log ATTACH PARTITION public.campaign_state_log_y2026m02 FOR VALUES FROM ('2026-02-01 00:00:00+00') TO ('2026-03-01 00:00:00+00');


--
-- Name: campaign_state_log_y2026m03; Type: TABLE ATTACH; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log ATTACH PARTITION public.campaign_state_log_y2026m03 FOR VALUES FROM ('2026-03-01 00:00:00+00') TO ('2026-04-01 00:00:00+00');


--
-- Name: campaign_state_log_y2026m04; Type: TABLE ATTACH; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log ATTACH PARTITION public.campaign_state_log_y2026m04 FOR VALUES FROM ('2026-04-01 00:00:00+00') TO ('2026-05-01 00:00:00+00');


--
-- Name: campaign_state_log_y2026m05; Type: TABLE ATTACH; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log ATTACH PARTITION public.campaign_state_log_y2026m05 FOR VALUES FROM ('2026-05-01 00:00:00+00') TO ('2026-06-01 00:00:00+00');


--
-- Name: campaign_state_log_y2026m06; Type: TABLE ATTACH; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log ATTACH PARTITION public.campaign_state_log_y2026m06 FOR VALUES FROM ('2026-06-01 00:00:00+00') TO ('2026-07-01 00:00:00+00');


--
-- Name: campaign_state_log_y2026m07; Type: TABLE ATTACH; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log ATTACH PARTITION public.campaign_state_log_y2026m07 FOR VALUES FROM ('2026-07-01 00:00:00+00') TO ('2026-08-01 00:00:00+00');


--
-- Name: campaign_state_log_y2026m08; Type: TABLE ATTACH; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log ATTACH PARTITION public.campaign_state_log_y2026m08 FOR VALUES FROM ('2026-08-01 00:00:00+00') TO ('2026-09-01 00:00:00+00');


--
-- Name: campaign_state_log_y2026m09; Type: TABLE ATTACH; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log ATTACH PARTITION public.campaign_state_log_y2026m09 FOR VALUES FROM ('2026-09-01 00:00:00+00') TO ('2026-10-01 00:00:00+00');


--
-- Name: campaign_state_log_y2026m10; Type: TABLE ATTACH; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log ATTACH PARTITION public.campaign_state_log_y2026m10 FOR VALUES FROM ('2026-10-01 00:00:00+00') TO ('2026-11-01 00:00:00+00');


--
-- Name: campaign_state_log_y2026m11; Type: TABLE ATTACH; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log ATTACH PARTITION public.campaign_state_log_y2026m11 FOR VALUES FROM ('2026-11-01 00:00:00+00') TO ('2026-12-01 00:00:00+00');


--
-- Name: campaign_state_log_y2026m12; Type: TABLE ATTACH; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log ATTACH PARTITION public.campaign_state_log_y2026m12 FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2027-01-01 00:00:00+00');


--
-- Name: campaign_state_log_y2027m01; Type: TABLE ATTACH; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log ATTACH PARTITION public.campaign_state_log_y2027m01 FOR VALUES FROM ('2027-01-01 00:00:00+00') TO ('2027-02-01 00:00:00+00');


--
-- Name: campaign_state_log_y2027m02; Type: TABLE ATTACH; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log ATTACH PARTITION public.campaign_state_log_y2027m02 FOR VALUES FROM ('2027-02-01 00:00:00+00') TO ('2027-03-01 00:00:00+00');


--
-- Data for Name: campaign_backfills; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_backfills (relation, column_name, value_expression, run, run_by, started_at, updated_at, finished_at, estimated_rows, rows_seen, rows_changed, batches, part, key_columns, reached, up_to, pass) FROM stdin;
public.campaigns	budget	duration_hours / 2.0	8400ffb4-294d-4ff6-8d21-69cf6608108f	postgres	2026-11-29 12:23:29.475354+00	2026-11-29 12:23:29.481383+00	2026-11-29 12:23:29.589245+00	\N	56	56	1	public.campaigns	id	{01a22742-a677-7ffe-841c-a46cc2b4d5f4}	{01a22742-a677-7ffe-841c-a46cc2b4d5f4}	1
\.


--
-- Data for Name: campaign_maintenance_jobs; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_maintenance_jobs (job, schedule, enabled, retention, months_ahead, last_run, last_duration, last_outcome, last_error, last_count, failures, reached, cron_database) FROM stdin;
cleanup-finished-timers	30 3 * * 0	f	1 year	\N	\N	\N	\N	\N	\N	0	\N	\N
cleanup-metrics	0 4 * * 0	f	1 year	\N	\N	\N	\N	\N	\N	0	\N	\N
create-monthly-partitions	0 0 1 * *	t	\N	3	2026-11-29 12:23:28.726623+00	00:00:00.008433	ok	\N	0	0	\N	\N
refresh-pending-timers	* * * * *	t	\N	\N	2026-11-29 12:23:28.726623+00	00:00:00.008197	ok	\N	0	0	\N	\N
refresh-active-campaigns	*/5 * * * *	t	\N	\N	2026-11-29 12:23:28.726623+00	00:00:00.03417	ok	\N	1	0	\N	\N
archive-state-logs	0 2 1 * *	t	1 year	\N	2026-11-29 12:23:28.726623+00	00:00:00.009831	ok	\N	0	0	\N	\N
cleanup-timer-executions	17 4 * * *	t	2 years	\N	2026-11-29 12:23:28.726623+00	00:00:00.001157	ok	\N	0	0	\N	\N
\.


--
-- Data for Name: campaign_metrics; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_metrics (id, campaign_id, metric_type, value, attributes, recorded_at) FROM stdin;
01a22742-a55d-7d70-80ff-4783bf8574e0	01a22742-a525-761f-8622-b30fefa28d61	TIMER_EXECUTION_TIME	1.3286	{}	2026-11-29 12:23:28.840055+00
01a22742-a55d-7f8e-880f-2a4729d80a2f	01a22742-a525-761f-8622-b30fefa28d61	STATE_TRANSITION_TIME	34.4800	{}	2026-11-29 12:23:28.840055+00
01a22742-a55d-7f96-96ea-3f3ea0ecb39c	01a22742-a526-714e-af1e-ae96cd2739c0	TIMER_EXECUTION_TIME	1.3286	{}	2026-11-29 12:23:28.840055+00
01a22742-a55d-7f9b-a52b-80657a3212b1	01a22742-a526-714e-af1e-ae96cd2739c0	STATE_TRANSITION_TIME	33.8020	{}	2026-11-29 12:23:28.840055+00
01a22742-a55d-7f9f-af99-7fca9210004e	01a22742-a526-7a33-86e9-6ed02f95919a	TIMER_EXECUTION_TIME	1.3286	{}	2026-11-29 12:23:28.840055+00
01a22742-a55d-7fa4-b3e6-fbbd250401ef	01a22742-a526-7a33-86e9-6ed02f95919a	STATE_TRANSITION_TIME	33.3110	{}	2026-11-29 12:23:28.840055+00
01a22742-a55d-7fa8-802e-4a107630c128	01a22742-a527-71b7-b183-b8b3b516f21c	TIMER_EXECUTION_TIME	1.3286	{}	2026-11-29 12:23:28.840055+00
01a22742-a55d-7fab-a4dc-58ea7671a8ea	01a22742-a527-71b7-b183-b8b3b516f21c	STATE_TRANSITION_TIME	32.8410	{}	2026-11-29 12:23:28.840055+00
01a22742-a55d-7fae-a239-24ed8a4b8417	01a22742-a52d-760c-999c-4cd3bbff41ea	TIMER_EXECUTION_TIME	1.3286	{}	2026-11-29 12:23:28.840055+00
01a22742-a55d-7fb1-9037-909e6298bcc2	01a22742-a52d-760c-999c-4cd3bbff41ea	STATE_TRANSITION_TIME	26.4430	{}	2026-11-29 12:23:28.840055+00
01a22742-a560-7621-8091-edde02c2797b	01a22742-a52d-760c-999c-4cd3bbff41ea	TIMER_EXECUTION_TIME	0.7070	{}	2026-11-29 12:23:28.863794+00
01a22742-a560-763e-ac29-9a5d03cf8f2f	01a22742-a52d-760c-999c-4cd3bbff41ea	STATE_TRANSITION_TIME	50.1820	{}	2026-11-29 12:23:28.863794+00
01a22742-a56a-7566-9949-3e6a35f422ec	01a22742-a52e-72bc-b492-1f7c12725c96	TIMER_EXECUTION_TIME	1.7140	{}	2026-11-29 12:23:28.864101+00
01a22742-a56a-776e-a442-4107e12e582c	01a22742-a52e-72bc-b492-1f7c12725c96	STATE_TRANSITION_TIME	49.8220	{}	2026-11-29 12:23:28.864101+00
01a22742-a56a-7779-a97d-6ee052efd952	01a22742-a52e-7a82-b1f9-3d66f67afe7d	TIMER_EXECUTION_TIME	1.7140	{}	2026-11-29 12:23:28.864101+00
01a22742-a56a-777f-b8c8-64d8033f04ac	01a22742-a52e-7a82-b1f9-3d66f67afe7d	STATE_TRANSITION_TIME	49.3370	{}	2026-11-29 12:23:28.864101+00
01a22742-a56a-7783-82f1-df7e05cef9c2	01a22742-a52f-72ce-ba9c-6f9efcf89b8f	TIMER_EXECUTION_TIME	1.7140	{}	2026-11-29 12:23:28.864101+00
01a22742-a56a-7826-8a8e-f72fe4843705	01a22742-a52f-72ce-ba9c-6f9efcf89b8f	STATE_TRANSITION_TIME	48.8070	{}	2026-11-29 12:23:28.864101+00
01a22742-a56a-782b-b869-882df785e102	01a22742-a537-7a7a-862c-3e8414596ba8	TIMER_EXECUTION_TIME	1.7140	{}	2026-11-29 12:23:28.864101+00
01a22742-a56a-7830-936b-7865cd5ee059	01a22742-a537-7a7a-862c-3e8414596ba8	STATE_TRANSITION_TIME	40.2030	{}	2026-11-29 12:23:28.864101+00
01a22742-a570-7dfb-9968-145e0e0cf08a	01a22742-a538-78ae-b034-80907b807b5c	TIMER_EXECUTION_TIME	1.4887	{}	2026-11-29 12:23:28.859965+00
01a22742-a570-7e29-b7bf-047f6342f6d1	01a22742-a538-78ae-b034-80907b807b5c	STATE_TRANSITION_TIME	35.2680	{}	2026-11-29 12:23:28.859965+00
01a22742-a570-7e2f-aa52-08066dd3ad85	01a22742-a539-737f-b447-0b0c9eca2db7	TIMER_EXECUTION_TIME	1.4887	{}	2026-11-29 12:23:28.859965+00
01a22742-a570-7e34-9358-2c9e3961f5ee	01a22742-a539-737f-b447-0b0c9eca2db7	STATE_TRANSITION_TIME	34.6220	{}	2026-11-29 12:23:28.859965+00
01a22742-a570-7e38-9866-c0ff3753d1d8	01a22742-a539-7bcf-98ba-b0ff41c5d0cb	TIMER_EXECUTION_TIME	1.4887	{}	2026-11-29 12:23:28.859965+00
01a22742-a570-7e3c-9fea-b9a005f2a450	01a22742-a539-7bcf-98ba-b0ff41c5d0cb	STATE_TRANSITION_TIME	34.1080	{}	2026-11-29 12:23:28.859965+00
01a22742-a570-7e40-94e3-36c540f495ad	01a22742-a53b-7540-a773-4ae1f0e64bb0	TIMER_EXECUTION_TIME	1.4887	{}	2026-11-29 12:23:28.859965+00
01a22742-a570-7e44-99e1-e58e8f744122	01a22742-a53b-7540-a773-4ae1f0e64bb0	STATE_TRANSITION_TIME	32.4870	{}	2026-11-29 12:23:28.859965+00
01a22742-a572-717b-8968-dac19e81d900	01a22742-a53b-7e3b-8d7f-377b1ee82e89	TIMER_EXECUTION_TIME	0.3560	{}	2026-11-29 12:23:28.858235+00
01a22742-a572-719c-aafb-710127bd666f	01a22742-a53b-7e3b-8d7f-377b1ee82e89	STATE_TRANSITION_TIME	30.2280	{}	2026-11-29 12:23:28.858235+00
01a22742-a572-788a-a03e-76cc30c91e27	01a22742-a53c-763a-b74b-3825afdf39f9	TIMER_EXECUTION_TIME	0.2810	{}	2026-11-29 12:23:28.85819+00
01a22742-a572-78a3-8e49-1232e0701c61	01a22742-a53c-763a-b74b-3825afdf39f9	STATE_TRANSITION_TIME	29.6950	{}	2026-11-29 12:23:28.85819+00
01a22742-a572-7f21-b5fc-8b4fed9a1b49	01a22742-a53c-7cbe-9c6d-38574010c353	TIMER_EXECUTION_TIME	0.2700	{}	2026-11-29 12:23:28.858185+00
01a22742-a572-7f33-9986-3020825f5ea5	01a22742-a53c-7cbe-9c6d-38574010c353	STATE_TRANSITION_TIME	29.2880	{}	2026-11-29 12:23:28.858185+00
01a22742-a579-7270-ba6c-ce8cefe31b77	01a22742-a52e-72bc-b492-1f7c12725c96	TIMER_EXECUTION_TIME	0.1168	{}	2026-11-29 12:23:28.858736+00
01a22742-a579-7293-b921-a6d2c7f92216	01a22742-a52e-72bc-b492-1f7c12725c96	STATE_TRANSITION_TIME	44.4570	{}	2026-11-29 12:23:28.858736+00
01a22742-a579-7298-b626-50e8c2840b47	01a22742-a52e-7a82-b1f9-3d66f67afe7d	TIMER_EXECUTION_TIME	0.1168	{}	2026-11-29 12:23:28.858736+00
01a22742-a579-729c-aff1-260eb54465bf	01a22742-a52e-7a82-b1f9-3d66f67afe7d	STATE_TRANSITION_TIME	43.9720	{}	2026-11-29 12:23:28.858736+00
01a22742-a579-72a0-bfb0-6ca94cb86b6e	01a22742-a52f-72ce-ba9c-6f9efcf89b8f	TIMER_EXECUTION_TIME	0.1168	{}	2026-11-29 12:23:28.858736+00
01a22742-a579-72a2-8778-0bc73d6439f4	01a22742-a52f-72ce-ba9c-6f9efcf89b8f	STATE_TRANSITION_TIME	43.4420	{}	2026-11-29 12:23:28.858736+00
01a22742-a579-72a5-afa5-fd0b1c4ea96b	01a22742-a537-7a7a-862c-3e8414596ba8	TIMER_EXECUTION_TIME	0.1168	{}	2026-11-29 12:23:28.858736+00
01a22742-a579-72d9-b4e7-653858c8ddcc	01a22742-a537-7a7a-862c-3e8414596ba8	STATE_TRANSITION_TIME	34.8380	{}	2026-11-29 12:23:28.858736+00
01a22742-a579-72dd-a605-0c5a1e534306	01a22742-a538-78ae-b034-80907b807b5c	TIMER_EXECUTION_TIME	0.1168	{}	2026-11-29 12:23:28.858736+00
01a22742-a579-72e0-8739-bb093e471523	01a22742-a538-78ae-b034-80907b807b5c	STATE_TRANSITION_TIME	34.0390	{}	2026-11-29 12:23:28.858736+00
01a22742-a579-72e4-acbf-900e0c6b2f9a	01a22742-a539-737f-b447-0b0c9eca2db7	TIMER_EXECUTION_TIME	0.1168	{}	2026-11-29 12:23:28.858736+00
01a22742-a579-72e6-99b7-749a94730ed0	01a22742-a539-737f-b447-0b0c9eca2db7	STATE_TRANSITION_TIME	33.3930	{}	2026-11-29 12:23:28.858736+00
01a22742-a579-72ea-b18d-854ec8f772a7	01a22742-a539-7bcf-98ba-b0ff41c5d0cb	TIMER_EXECUTION_TIME	0.1168	{}	2026-11-29 12:23:28.858736+00
01a22742-a579-72ed-a855-782ba543fa7a	01a22742-a539-7bcf-98ba-b0ff41c5d0cb	STATE_TRANSITION_TIME	32.8790	{}	2026-11-29 12:23:28.858736+00
01a22742-a579-72f0-8c45-30c04539cc87	01a22742-a53b-7540-a773-4ae1f0e64bb0	TIMER_EXECUTION_TIME	0.1168	{}	2026-11-29 12:23:28.858736+00
01a22742-a579-72f5-9698-3108cdfb056c	01a22742-a53b-7540-a773-4ae1f0e64bb0	STATE_TRANSITION_TIME	31.2580	{}	2026-11-29 12:23:28.858736+00
01a22742-a579-72f8-ab8d-2e1406289fdd	01a22742-a53b-7e3b-8d7f-377b1ee82e89	TIMER_EXECUTION_TIME	0.1168	{}	2026-11-29 12:23:28.858736+00
01a22742-a579-72fa-8bd4-f73e02e44998	01a22742-a53b-7e3b-8d7f-377b1ee82e89	STATE_TRANSITION_TIME	30.7290	{}	2026-11-29 12:23:28.858736+00
01a22742-a579-72fd-b9bc-d11e10dc70f8	01a22742-a53c-763a-b74b-3825afdf39f9	TIMER_EXECUTION_TIME	0.1168	{}	2026-11-29 12:23:28.858736+00
01a22742-a579-7300-b413-e41ee1f5de20	01a22742-a53c-763a-b74b-3825afdf39f9	STATE_TRANSITION_TIME	30.2410	{}	2026-11-29 12:23:28.858736+00
01a22742-a579-7303-bcf3-1f1a32f8e393	01a22742-a53c-7cbe-9c6d-38574010c353	TIMER_EXECUTION_TIME	0.1168	{}	2026-11-29 12:23:28.858736+00
01a22742-a579-7306-bd2c-94d29a1e429f	01a22742-a53c-7cbe-9c6d-38574010c353	STATE_TRANSITION_TIME	29.8390	{}	2026-11-29 12:23:28.858736+00
01a22742-a5bd-734d-a9d5-9412040586b7	01a22742-a50f-7a63-9632-fcc9610f0937	PARTICIPANT_COUNT	12.3456	{"a": [1, 2]}	2026-11-29 12:23:28.95621+00
01a22742-a5bd-7993-8b41-e9dfb2b48cd4	01a22742-a51d-7a13-b1e0-5c004b2f73be	PARTICIPANT_COUNT	12.3456	{"a": [1, 2]}	2026-11-29 12:23:28.95621+00
01a22742-a5bd-7c9b-ad17-6dd5a3fe9f85	01a22742-a51e-7822-af3a-a0f92c36b955	PARTICIPANT_COUNT	12.3456	{"a": [1, 2]}	2026-11-29 12:23:28.95621+00
01a22742-a5bd-7f08-a897-d9fff6b0e3d3	01a22742-a521-7b22-9618-c996e4564493	PARTICIPANT_COUNT	12.3456	{"a": [1, 2]}	2026-11-29 12:23:28.95621+00
01a22742-a5be-725e-bdcd-c712507c213b	01a22742-a541-7727-8f35-675b5aef1e1a	PARTICIPANT_COUNT	12.3456	{"a": [1, 2]}	2026-11-29 12:23:28.95621+00
01a22742-a5be-74f8-ae59-97798e6a6f8e	01a22742-a543-73f8-b23e-93049a61f17d	PARTICIPANT_COUNT	12.3456	{"a": [1, 2]}	2026-11-29 12:23:28.95621+00
01a22742-a5be-7870-a613-c5a1af4b36ea	01a22742-a543-7d8a-94c0-70c878c150fa	PARTICIPANT_COUNT	12.3456	{"a": [1, 2]}	2026-11-29 12:23:28.95621+00
01a22742-a5be-79e6-9172-903949efc727	01a22742-a525-761f-8622-b30fefa28d61	PARTICIPANT_COUNT	12.3456	{"a": [1, 2]}	2026-11-29 12:23:28.95621+00
01a22742-a5be-7b30-81cf-9dcb4840b524	01a22742-a526-714e-af1e-ae96cd2739c0	PARTICIPANT_COUNT	12.3456	{"a": [1, 2]}	2026-11-29 12:23:28.95621+00
01a22742-a5be-7c80-8fea-ff35807ee7f6	01a22742-a526-7a33-86e9-6ed02f95919a	PARTICIPANT_COUNT	12.3456	{"a": [1, 2]}	2026-11-29 12:23:28.95621+00
01a22742-a5be-7dc0-be9d-4389dd3f77e1	01a22742-a527-71b7-b183-b8b3b516f21c	PARTICIPANT_COUNT	12.3456	{"a": [1, 2]}	2026-11-29 12:23:28.95621+00
01a22742-a5c0-72bb-bce0-2be2a8390162	01a22742-a52d-760c-999c-4cd3bbff41ea	PARTICIPANT_COUNT	12.3456	{"a": [1, 2]}	2026-11-29 12:23:28.95621+00
01a22742-a5c0-743f-ae50-bb59e9c9ac7f	01a22742-a549-78b6-9fff-b2b3210e4847	PARTICIPANT_COUNT	12.3456	{"a": [1, 2]}	2026-11-29 12:23:28.95621+00
01a22742-a5c0-7595-bde0-440e69bf3d54	01a22742-a54b-75bb-9052-d4d455fd67aa	PARTICIPANT_COUNT	12.3456	{"a": [1, 2]}	2026-11-29 12:23:28.95621+00
01a22742-a5c0-76d5-bd19-9e3d09172776	01a22742-a54c-719f-a927-f0014a1a679c	PARTICIPANT_COUNT	12.3456	{"a": [1, 2]}	2026-11-29 12:23:28.95621+00
01a22742-a5c0-7838-b7cb-4a12dd5ca8d0	01a22742-a52e-72bc-b492-1f7c12725c96	PARTICIPANT_COUNT	12.3456	{"a": [1, 2]}	2026-11-29 12:23:28.95621+00
01a22742-a5c0-7976-8ee3-fadfc1540a0a	01a22742-a52e-7a82-b1f9-3d66f67afe7d	PARTICIPANT_COUNT	12.3456	{"a": [1, 2]}	2026-11-29 12:23:28.95621+00
01a22742-a5c0-7ab3-a509-6e21208f9677	01a22742-a52f-72ce-ba9c-6f9efcf89b8f	PARTICIPANT_COUNT	12.3456	{"a": [1, 2]}	2026-11-29 12:23:28.95621+00
01a22742-a5c0-7be8-95a2-e56c07c34a45	01a22742-a53b-7540-a773-4ae1f0e64bb0	PARTICIPANT_COUNT	12.3456	{"a": [1, 2]}	2026-11-29 12:23:28.95621+00
01a22742-a5c0-7d34-818d-ce2a9949f1e8	01a22742-a53b-7e3b-8d7f-377b1ee82e89	PARTICIPANT_COUNT	12.3456	{"a": [1, 2]}	2026-11-29 12:23:28.95621+00
01a22742-a5c0-7e78-b9e3-5230a2836e37	01a22742-a53c-763a-b74b-3825afdf39f9	PARTICIPANT_COUNT	12.3456	{"a": [1, 2]}	2026-11-29 12:23:28.95621+00
01a22742-a5c1-70bd-81cb-33eb2ca24545	01a22742-a53c-7cbe-9c6d-38574010c353	PARTICIPANT_COUNT	12.3456	{"a": [1, 2]}	2026-11-29 12:23:28.95621+00
01a22742-a5c1-7216-9db8-b29fa702489e	01a22742-a537-7a7a-862c-3e8414596ba8	PARTICIPANT_COUNT	12.3456	{"a": [1, 2]}	2026-11-29 12:23:28.95621+00
01a22742-a5c1-7348-94fb-5052945f19c8	01a22742-a538-78ae-b034-80907b807b5c	PARTICIPANT_COUNT	12.3456	{"a": [1, 2]}	2026-11-29 12:23:28.95621+00
01a22742-a5c1-746b-86e7-8a1e26451dca	01a22742-a539-737f-b447-0b0c9eca2db7	PARTICIPANT_COUNT	12.3456	{"a": [1, 2]}	2026-11-29 12:23:28.95621+00
01a22742-a5c1-7581-8046-840664b44342	01a22742-a539-7bcf-98ba-b0ff41c5d0cb	PARTICIPANT_COUNT	12.3456	{"a": [1, 2]}	2026-11-29 12:23:28.95621+00
\.


--
-- Data for Name: campaign_notes; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.campaign_notes (campaign_id, note) FROM stdin;
01a22742-a50f-7a63-9632-fcc9610f0937	ünïcode
01a22742-a51d-7a13-b1e0-5c004b2f73be	ünïcode
01a22742-a51e-7822-af3a-a0f92c36b955	ünïcode
01a22742-a521-7b22-9618-c996e4564493	ünïcode
01a22742-a541-7727-8f35-675b5aef1e1a	ünïcode
01a22742-a543-73f8-b23e-93049a61f17d	ünïcode
01a22742-a543-7d8a-94c0-70c878c150fa	ünïcode
01a22742-a525-761f-8622-b30fefa28d61	ünïcode
01a22742-a526-714e-af1e-ae96cd2739c0	ünïcode
01a22742-a526-7a33-86e9-6ed02f95919a	ünïcode
01a22742-a527-71b7-b183-b8b3b516f21c	ünïcode
01a22742-a52d-760c-999c-4cd3bbff41ea	ünïcode
01a22742-a549-78b6-9fff-b2b3210e4847	ünïcode
01a22742-a54b-75bb-9052-d4d455fd67aa	ünïcode
01a22742-a54c-719f-a927-f0014a1a679c	ünïcode
01a22742-a52e-72bc-b492-1f7c12725c96	ünïcode
01a22742-a52e-7a82-b1f9-3d66f67afe7d	ünïcode
01a22742-a52f-72ce-ba9c-6f9efcf89b8f	ünïcode
01a22742-a53b-7540-a773-4ae1f0e64bb0	ünïcode
01a22742-a53b-7e3b-8d7f-377b1ee82e89	ünïcode
01a22742-a53c-763a-b74b-3825afdf39f9	ünïcode
01a22742-a53c-7cbe-9c6d-38574010c353	ünïcode
01a22742-a537-7a7a-862c-3e8414596ba8	ünïcode
01a22742-a538-78ae-b034-80907b807b5c	ünïcode
01a22742-a539-737f-b447-0b0c9eca2db7	ünïcode
01a22742-a539-7bcf-98ba-b0ff41c5d0cb	ünïcode
\.


--
-- Data for Name: campaign_state_log_archive_default; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_state_log_archive_default (id, campaign_id, from_state, to_state, trigger_event, metadata, created_at, remark) FROM stdin;
01a22742-a676-7e5a-8340-956f0b3e54e1	01a22742-a676-759a-9022-b1192d17ae5a	\N	CREATED	IMPORT	{}	2025-11-01 05:00:00+00	old
01a22742-a676-7202-addb-53073b3f8010	01a22742-a676-759a-9022-b1192d17ae5a	CREATED	RUNNING	IMPORT	{}	2025-11-01 06:00:00+00	old
01a22742-a676-71b8-8389-0aaf3309786e	01a22742-a676-759a-9022-b1192d17ae5a	RUNNING	EXPIRED	IMPORT	{}	2025-11-01 09:00:00+00	old
01a22742-a677-7998-b3dc-16c79026bf08	01a22742-a677-7ffe-841c-a46cc2b4d5f4	\N	CREATED	IMPORT	{}	2025-11-01 10:00:00+00	old
01a22742-a677-7aaf-9f6d-ba956f0fef10	01a22742-a677-7ffe-841c-a46cc2b4d5f4	CREATED	RUNNING	IMPORT	{}	2025-11-01 11:00:00+00	old
01a22742-a677-77fe-b107-5bc51127687f	01a22742-a677-7ffe-841c-a46cc2b4d5f4	RUNNING	EXPIRED	IMPORT	{}	2025-11-01 14:00:00+00	old
\.


--
-- Data for Name: campaign_state_log_archive_y2025m08; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_state_log_archive_y2025m08 (id, campaign_id, from_state, to_state, trigger_event, metadata, created_at, remark) FROM stdin;
01a22742-a676-7710-b659-6e3a20a1c7f0	01a22742-a676-7894-bc20-32d296f48e27	\N	CREATED	IMPORT	{}	2025-08-01 05:00:00+00	old
01a22742-a676-7d0e-904e-de132d9c74d8	01a22742-a676-7894-bc20-32d296f48e27	CREATED	RUNNING	IMPORT	{}	2025-08-01 06:00:00+00	old
01a22742-a676-717c-ba22-6b85d41a7163	01a22742-a676-7894-bc20-32d296f48e27	RUNNING	EXPIRED	IMPORT	{}	2025-08-01 09:00:00+00	old
01a22742-a677-79f9-bb93-6eca4e5b54d9	01a22742-a677-7394-8506-e51fc39035a3	\N	CREATED	IMPORT	{}	2025-08-01 10:00:00+00	old
01a22742-a677-7d8d-b5c2-9bcb995f4a62	01a22742-a677-7394-8506-e51fc39035a3	CREATED	RUNNING	IMPORT	{}	2025-08-01 11:00:00+00	old
01a22742-a677-71ce-a1dc-dc1c65da2a48	01a22742-a677-7394-8506-e51fc39035a3	RUNNING	EXPIRED	IMPORT	{}	2025-08-01 14:00:00+00	old
\.


--
-- Data for Name: campaign_state_log_archive_y2025m09; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_state_log_archive_y2025m09 (id, campaign_id, from_state, to_state, trigger_event, metadata, created_at, remark) FROM stdin;
01a22742-a676-73ce-a930-bcc47abceb21	01a22742-a676-7b20-aca8-1beb09e1e1bb	\N	CREATED	IMPORT	{}	2025-09-01 05:00:00+00	old
01a22742-a676-715c-8239-db38c23987f7	01a22742-a676-7b20-aca8-1beb09e1e1bb	CREATED	RUNNING	IMPORT	{}	2025-09-01 06:00:00+00	old
01a22742-a676-7b47-b892-b2ef624ea937	01a22742-a676-7b20-aca8-1beb09e1e1bb	RUNNING	EXPIRED	IMPORT	{}	2025-09-01 09:00:00+00	old
01a22742-a677-7f69-a63d-e740a57f10dc	01a22742-a677-75c7-a0ea-9484a2eae537	\N	CREATED	IMPORT	{}	2025-09-01 10:00:00+00	old
01a22742-a677-799d-87c3-8f472f8f24a9	01a22742-a677-75c7-a0ea-9484a2eae537	CREATED	RUNNING	IMPORT	{}	2025-09-01 11:00:00+00	old
01a22742-a677-78be-a2ff-1f82a7abefe3	01a22742-a677-75c7-a0ea-9484a2eae537	RUNNING	EXPIRED	IMPORT	{}	2025-09-01 14:00:00+00	old
\.


--
-- Data for Name: campaign_state_log_archive_y2025m10; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_state_log_archive_y2025m10 (id, campaign_id, from_state, to_state, trigger_event, metadata, created_at, remark) FROM stdin;
01a22742-a676-7e20-8d53-b077302d8ed7	01a22742-a676-75b2-accd-2415acf79c8a	\N	CREATED	IMPORT	{}	2025-10-01 05:00:00+00	old
01a22742-a676-7a16-8a33-5b15c391f353	01a22742-a676-75b2-accd-2415acf79c8a	CREATED	RUNNING	IMPORT	{}	2025-10-01 06:00:00+00	old
01a22742-a676-7b08-93ef-9e7d2b98bb93	01a22742-a676-75b2-accd-2415acf79c8a	RUNNING	EXPIRED	IMPORT	{}	2025-10-01 09:00:00+00	old
01a22742-a677-7108-9771-34cfd64e9e1b	01a22742-a677-777a-8d81-9ae081ee111b	\N	CREATED	IMPORT	{}	2025-10-01 10:00:00+00	old
01a22742-a677-76b9-b6d8-c116a1997172	01a22742-a677-777a-8d81-9ae081ee111b	CREATED	RUNNING	IMPORT	{}	2025-10-01 11:00:00+00	old
01a22742-a677-7baa-84db-5f8bf2b902d7	01a22742-a677-777a-8d81-9ae081ee111b	RUNNING	EXPIRED	IMPORT	{}	2025-10-01 14:00:00+00	old
\.


--
-- Data for Name: campaign_state_log_default; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_state_log_default (id, campaign_id, from_state, to_state, trigger_event, metadata, created_at, remark) FROM stdin;
\.


--
-- Data for Name: campaign_state_log_y2025m11; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_state_log_y2025m11 (id, campaign_id, from_state, to_state, trigger_event, metadata, created_at, remark) FROM stdin;
\.


--
-- Data for Name: campaign_state_log_y2025m12; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_state_log_y2025m12 (id, campaign_id, from_state, to_state, trigger_event, metadata, created_at, remark) FROM stdin;
01a22742-a676-7c6d-8644-23f50189c28a	01a22742-a676-7e69-ad25-60f7b7cf5730	\N	CREATED	IMPORT	{}	2025-12-01 05:00:00+00	old
01a22742-a676-7c46-a4c5-99f851db473c	01a22742-a676-7e69-ad25-60f7b7cf5730	CREATED	RUNNING	IMPORT	{}	2025-12-01 06:00:00+00	old
01a22742-a676-7190-a594-64b934d68974	01a22742-a676-7e69-ad25-60f7b7cf5730	RUNNING	EXPIRED	IMPORT	{}	2025-12-01 09:00:00+00	old
01a22742-a676-7fa9-bb39-573f77693dca	01a22742-a676-78b2-b202-9e6a01d4f210	\N	CREATED	IMPORT	{}	2025-12-01 10:00:00+00	old
01a22742-a676-785b-8120-122e544043bd	01a22742-a676-78b2-b202-9e6a01d4f210	CREATED	RUNNING	IMPORT	{}	2025-12-01 11:00:00+00	old
01a22742-a676-7b7d-b3a6-cbbc11c97efc	01a22742-a676-78b2-b202-9e6a01d4f210	RUNNING	EXPIRED	IMPORT	{}	2025-12-01 14:00:00+00	old
\.


--
-- Data for Name: campaign_state_log_y2026m01; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_state_log_y2026m01 (id, campaign_id, from_state, to_state, trigger_event, metadata, created_at, remark) FROM stdin;
01a22742-a676-799a-90db-fb4fcff0d49a	01a22742-a676-7c89-bfa0-dd75eb41f4d9	\N	CREATED	IMPORT	{}	2026-01-01 05:00:00+00	old
01a22742-a676-7b32-9c18-f72c758aae2b	01a22742-a676-7c89-bfa0-dd75eb41f4d9	CREATED	RUNNING	IMPORT	{}	2026-01-01 06:00:00+00	old
01a22742-a676-7bea-9e0d-84b787f87454	01a22742-a676-7c89-bfa0-dd75eb41f4d9	RUNNING	EXPIRED	IMPORT	{}	2026-01-01 09:00:00+00	old
01a22742-a676-72d4-8336-c6d0017d791a	01a22742-a676-7324-ac1f-80830cc8ab17	\N	CREATED	IMPORT	{}	2026-01-01 10:00:00+00	old
01a22742-a676-703e-895b-bb8e7a92cee7	01a22742-a676-7324-ac1f-80830cc8ab17	CREATED	RUNNING	IMPORT	{}	2026-01-01 11:00:00+00	old
01a22742-a676-7ca9-819e-2a4d6f20e341	01a22742-a676-7324-ac1f-80830cc8ab17	RUNNING	EXPIRED	IMPORT	{}	2026-01-01 14:00:00+00	old
\.


--
-- Data for Name: campaign_state_log_y2026m02; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_state_log_y2026m02 (id, campaign_id, from_state, to_state, trigger_event, metadata, created_at, remark) FROM stdin;
01a22742-a676-7db9-bdfe-29fc741f0530	01a22742-a676-751e-bb25-d3843fbd0173	\N	CREATED	IMPORT	{}	2026-02-01 05:00:00+00	old
01a22742-a676-7874-ad0d-18f96590b8e0	01a22742-a676-751e-bb25-d3843fbd0173	CREATED	RUNNING	IMPORT	{}	2026-02-01 06:00:00+00	old
01a22742-a676-7649-be8e-2fca98002732	01a22742-a676-751e-bb25-d3843fbd0173	RUNNING	EXPIRED	IMPORT	{}	2026-02-01 09:00:00+00	old
01a22742-a676-7885-bbe1-1296944d2f48	01a22742-a676-7fb7-bddf-67830caf0534	\N	CREATED	IMPORT	{}	2026-02-01 10:00:00+00	old
01a22742-a676-701a-9917-96625409c99e	01a22742-a676-7fb7-bddf-67830caf0534	CREATED	RUNNING	IMPORT	{}	2026-02-01 11:00:00+00	old
01a22742-a676-778f-8da2-474e7aefd550	01a22742-a676-7fb7-bddf-67830caf0534	RUNNING	EXPIRED	IMPORT	{}	2026-02-01 14:00:00+00	old
\.


--
-- Data for Name: campaign_state_log_y2026m03; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_state_log_y2026m03 (id, campaign_id, from_state, to_state, trigger_event, metadata, created_at, remark) FROM stdin;
01a22742-a676-7eac-a3b2-47330a19ad7b	01a22742-a676-78db-888f-65f07370733b	\N	CREATED	IMPORT	{}	2026-03-01 05:00:00+00	old
01a22742-a676-7c1b-b4fb-8842f661db04	01a22742-a676-78db-888f-65f07370733b	CREATED	RUNNING	IMPORT	{}	2026-03-01 06:00:00+00	old
01a22742-a676-7a8c-9652-2c570c34ab9b	01a22742-a676-78db-888f-65f07370733b	RUNNING	EXPIRED	IMPORT	{}	2026-03-01 09:00:00+00	old
01a22742-a676-71b1-b4a8-2f75221a5ba2	01a22742-a676-7e9d-847e-4109f34a8e3b	\N	CREATED	IMPORT	{}	2026-03-01 10:00:00+00	old
01a22742-a676-7c3e-a46b-757d9dadcec4	01a22742-a676-7e9d-847e-4109f34a8e3b	CREATED	RUNNING	IMPORT	{}	2026-03-01 11:00:00+00	old
01a22742-a676-70af-ad05-5bf1104aac5e	01a22742-a676-7e9d-847e-4109f34a8e3b	RUNNING	EXPIRED	IMPORT	{}	2026-03-01 14:00:00+00	old
\.


--
-- Data for Name: campaign_state_log_y2026m04; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_state_log_y2026m04 (id, campaign_id, from_state, to_state, trigger_event, metadata, created_at, remark) FROM stdin;
01a22742-a676-7cf8-8b4b-f5be236f90b7	01a22742-a676-788b-a6ef-b7a00295b48c	\N	CREATED	IMPORT	{}	2026-04-01 05:00:00+00	old
01a22742-a676-7633-8bdb-da279f4ad48d	01a22742-a676-788b-a6ef-b7a00295b48c	CREATED	RUNNING	IMPORT	{}	2026-04-01 06:00:00+00	old
01a22742-a676-730f-8069-00ed3928c823	01a22742-a676-788b-a6ef-b7a00295b48c	RUNNING	EXPIRED	IMPORT	{}	2026-04-01 09:00:00+00	old
01a22742-a676-7c47-9534-43100ca7817b	01a22742-a676-7af2-be61-1cfda9cf79b1	\N	CREATED	IMPORT	{}	2026-04-01 10:00:00+00	old
01a22742-a676-7509-aee6-da1f7515ab42	01a22742-a676-7af2-be61-1cfda9cf79b1	CREATED	RUNNING	IMPORT	{}	2026-04-01 11:00:00+00	old
01a22742-a676-7b06-96f1-22ae08068469	01a22742-a676-7af2-be61-1cfda9cf79b1	RUNNING	EXPIRED	IMPORT	{}	2026-04-01 14:00:00+00	old
\.


--
-- Data for Name: campaign_state_log_y2026m05; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_state_log_y2026m05 (id, campaign_id, from_state, to_state, trigger_event, metadata, created_at, remark) FROM stdin;
01a22742-a676-7425-a927-54570fb44748	01a22742-a676-71da-b0c5-92f70ad86405	\N	CREATED	IMPORT	{}	2026-05-01 05:00:00+00	old
01a22742-a676-7ff6-8381-56eaf5bdc301	01a22742-a676-71da-b0c5-92f70ad86405	CREATED	RUNNING	IMPORT	{}	2026-05-01 06:00:00+00	old
01a22742-a676-75d2-b39f-48171acd915c	01a22742-a676-71da-b0c5-92f70ad86405	RUNNING	EXPIRED	IMPORT	{}	2026-05-01 09:00:00+00	old
01a22742-a676-7622-b51a-619d32ec0c6a	01a22742-a676-71d5-888b-ebf6bed777ba	\N	CREATED	IMPORT	{}	2026-05-01 10:00:00+00	old
01a22742-a676-7c9f-a1ed-2c7f86efcbb2	01a22742-a676-71d5-888b-ebf6bed777ba	CREATED	RUNNING	IMPORT	{}	2026-05-01 11:00:00+00	old
01a22742-a676-7cfe-8150-8e9d54717f36	01a22742-a676-71d5-888b-ebf6bed777ba	RUNNING	EXPIRED	IMPORT	{}	2026-05-01 14:00:00+00	old
\.


--
-- Data for Name: campaign_state_log_y2026m06; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_state_log_y2026m06 (id, campaign_id, from_state, to_state, trigger_event, metadata, created_at, remark) FROM stdin;
01a22742-a676-78c7-bdf3-ba5a0b2dc2e3	01a22742-a676-76fc-9a60-d4307c864805	\N	CREATED	IMPORT	{}	2026-06-01 05:00:00+00	old
01a22742-a676-71f6-a731-764fb9a8e611	01a22742-a676-76fc-9a60-d4307c864805	CREATED	RUNNING	IMPORT	{}	2026-06-01 06:00:00+00	old
01a22742-a676-70dd-834c-7cf021eb2104	01a22742-a676-76fc-9a60-d4307c864805	RUNNING	EXPIRED	IMPORT	{}	2026-06-01 09:00:00+00	old
01a22742-a676-7255-8228-701d538cd13e	01a22742-a676-787a-a79f-52205104ebaf	\N	CREATED	IMPORT	{}	2026-06-01 10:00:00+00	old
01a22742-a676-7bd8-b5e7-9d27d4e54bf5	01a22742-a676-787a-a79f-52205104ebaf	CREATED	RUNNING	IMPORT	{}	2026-06-01 11:00:00+00	old
01a22742-a676-7662-9d32-b4beb77e2630	01a22742-a676-787a-a79f-52205104ebaf	RUNNING	EXPIRED	IMPORT	{}	2026-06-01 14:00:00+00	old
\.


--
-- Data for Name: campaign_state_log_y2026m07; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_state_log_y2026m07 (id, campaign_id, from_state, to_state, trigger_event, metadata, created_at, remark) FROM stdin;
01a22742-a676-73e9-87a4-3212be18bfb8	01a22742-a676-72ee-b65f-f10d856b65d8	\N	CREATED	IMPORT	{}	2026-07-01 05:00:00+00	old
01a22742-a676-7fbc-9809-b7f7686f2bfb	01a22742-a676-72ee-b65f-f10d856b65d8	CREATED	RUNNING	IMPORT	{}	2026-07-01 06:00:00+00	old
01a22742-a676-78e2-bd79-41097d515bfe	01a22742-a676-72ee-b65f-f10d856b65d8	RUNNING	EXPIRED	IMPORT	{}	2026-07-01 09:00:00+00	old
01a22742-a676-745d-b01e-a702bbe58481	01a22742-a676-72d9-9f19-7c11a2fccf04	\N	CREATED	IMPORT	{}	2026-07-01 10:00:00+00	old
01a22742-a676-7548-9359-4cc88a1f8f2b	01a22742-a676-72d9-9f19-7c11a2fccf04	CREATED	RUNNING	IMPORT	{}	2026-07-01 11:00:00+00	old
01a22742-a676-7f7f-8410-6b5accfa5786	01a22742-a676-72d9-9f19-7c11a2fccf04	RUNNING	EXPIRED	IMPORT	{}	2026-07-01 14:00:00+00	old
\.


--
-- Data for Name: campaign_state_log_y2026m08; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_state_log_y2026m08 (id, campaign_id, from_state, to_state, trigger_event, metadata, created_at, remark) FROM stdin;
01a22742-a676-7af8-b6cf-e62504b9718b	01a22742-a676-757f-b976-2b127da33ace	\N	CREATED	IMPORT	{}	2026-08-01 05:00:00+00	old
01a22742-a676-74a5-81b0-44cf33f94cf8	01a22742-a676-757f-b976-2b127da33ace	CREATED	RUNNING	IMPORT	{}	2026-08-01 06:00:00+00	old
01a22742-a676-7932-ae0c-6afcb3904a3f	01a22742-a676-757f-b976-2b127da33ace	RUNNING	EXPIRED	IMPORT	{}	2026-08-01 09:00:00+00	old
01a22742-a676-7d52-b1bc-bd02b2d788f8	01a22742-a676-7320-9410-539ea178f2ad	\N	CREATED	IMPORT	{}	2026-08-01 10:00:00+00	old
01a22742-a676-7911-8f10-ca6c0147ac57	01a22742-a676-7320-9410-539ea178f2ad	CREATED	RUNNING	IMPORT	{}	2026-08-01 11:00:00+00	old
01a22742-a676-7946-bf4b-14113eccc7d3	01a22742-a676-7320-9410-539ea178f2ad	RUNNING	EXPIRED	IMPORT	{}	2026-08-01 14:00:00+00	old
\.


--
-- Data for Name: campaign_state_log_y2026m09; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_state_log_y2026m09 (id, campaign_id, from_state, to_state, trigger_event, metadata, created_at, remark) FROM stdin;
01a22742-a676-7e97-8f82-f7d137bf7c3f	01a22742-a676-711f-a706-5d4cdb33ba8e	\N	CREATED	IMPORT	{}	2026-09-01 05:00:00+00	old
01a22742-a676-77c4-bea3-8908f447d75a	01a22742-a676-711f-a706-5d4cdb33ba8e	CREATED	RUNNING	IMPORT	{}	2026-09-01 06:00:00+00	old
01a22742-a676-7dd1-8850-e958330da141	01a22742-a676-711f-a706-5d4cdb33ba8e	RUNNING	EXPIRED	IMPORT	{}	2026-09-01 09:00:00+00	old
01a22742-a676-70fa-82b3-9a1e98f13042	01a22742-a676-7354-83eb-eca6f7c5e542	\N	CREATED	IMPORT	{}	2026-09-01 10:00:00+00	old
01a22742-a676-776a-ac9b-69a50f37f0d4	01a22742-a676-7354-83eb-eca6f7c5e542	CREATED	RUNNING	IMPORT	{}	2026-09-01 11:00:00+00	old
01a22742-a676-7c3d-8a42-71db709b1e11	01a22742-a676-7354-83eb-eca6f7c5e542	RUNNING	EXPIRED	IMPORT	{}	2026-09-01 14:00:00+00	old
\.


--
-- Data for Name: campaign_state_log_y2026m10; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_state_log_y2026m10 (id, campaign_id, from_state, to_state, trigger_event, metadata, created_at, remark) FROM stdin;
01a22742-a675-7d23-bdca-38bca7c47a91	01a22742-a675-7e02-ab0e-fbf2dcdc27ec	\N	CREATED	IMPORT	{}	2026-10-01 05:00:00+00	old
01a22742-a676-712c-89d1-9f2ee0a9ceaa	01a22742-a675-7e02-ab0e-fbf2dcdc27ec	CREATED	RUNNING	IMPORT	{}	2026-10-01 06:00:00+00	old
01a22742-a676-7ea2-aed8-13a70713d9f4	01a22742-a675-7e02-ab0e-fbf2dcdc27ec	RUNNING	EXPIRED	IMPORT	{}	2026-10-01 09:00:00+00	old
01a22742-a676-70ff-a320-4f72718ecb42	01a22742-a676-7571-872e-846b7b2dd6d8	\N	CREATED	IMPORT	{}	2026-10-01 10:00:00+00	old
01a22742-a676-7c7d-91d4-9db5d385457e	01a22742-a676-7571-872e-846b7b2dd6d8	CREATED	RUNNING	IMPORT	{}	2026-10-01 11:00:00+00	old
01a22742-a676-779b-8ebf-7516a792d227	01a22742-a676-7571-872e-846b7b2dd6d8	RUNNING	EXPIRED	IMPORT	{}	2026-10-01 14:00:00+00	old
\.


--
-- Data for Name: campaign_state_log_y2026m11; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_state_log_y2026m11 (id, campaign_id, from_state, to_state, trigger_event, metadata, created_at, remark) FROM stdin;
01a22742-a510-76a8-97fe-7e6134299a17	01a22742-a50f-7a63-9632-fcc9610f0937	\N	CREATED	CREATED	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.781356+00:00", "previous_updated_at": null}	2026-11-29 12:23:28.781356+00	none
01a22742-a51d-7baa-b656-f427435fa089	01a22742-a51d-7a13-b1e0-5c004b2f73be	\N	CREATED	CREATED	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.781356+00:00", "previous_updated_at": null}	2026-11-29 12:23:28.781356+00	none
01a22742-a51e-795b-b409-f294e5d923ab	01a22742-a51e-7822-af3a-a0f92c36b955	\N	CREATED	CREATED	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.781356+00:00", "previous_updated_at": null}	2026-11-29 12:23:28.781356+00	none
01a22742-a521-7c82-a6fc-f9bc2a6ff3c3	01a22742-a521-7b22-9618-c996e4564493	\N	CREATED	CREATED	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.781356+00:00", "previous_updated_at": null}	2026-11-29 12:23:28.781356+00	none
01a22742-a525-77ca-ae32-1ce2b68d489d	01a22742-a525-761f-8622-b30fefa28d61	\N	CREATED	CREATED	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.804988+00:00", "previous_updated_at": null}	2026-11-29 12:23:28.804988+00	none
01a22742-a526-7275-9fc5-592ef09598b5	01a22742-a526-714e-af1e-ae96cd2739c0	\N	CREATED	CREATED	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.804988+00:00", "previous_updated_at": null}	2026-11-29 12:23:28.804988+00	none
01a22742-a526-7b2f-865d-dd18ce2bc890	01a22742-a526-7a33-86e9-6ed02f95919a	\N	CREATED	CREATED	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.804988+00:00", "previous_updated_at": null}	2026-11-29 12:23:28.804988+00	none
01a22742-a527-7295-9e7b-a3fa4d090924	01a22742-a527-71b7-b183-b8b3b516f21c	\N	CREATED	CREATED	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.804988+00:00", "previous_updated_at": null}	2026-11-29 12:23:28.804988+00	none
01a22742-a52d-7828-afd3-df39426eb64c	01a22742-a52d-760c-999c-4cd3bbff41ea	\N	CREATED	CREATED	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.812883+00:00", "previous_updated_at": null}	2026-11-29 12:23:28.812883+00	none
01a22742-a52e-73aa-854e-5d2fc9063842	01a22742-a52e-72bc-b492-1f7c12725c96	\N	CREATED	CREATED	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.812883+00:00", "previous_updated_at": null}	2026-11-29 12:23:28.812883+00	none
01a22742-a52e-7b81-9c6f-5db80bef1e22	01a22742-a52e-7a82-b1f9-3d66f67afe7d	\N	CREATED	CREATED	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.812883+00:00", "previous_updated_at": null}	2026-11-29 12:23:28.812883+00	none
01a22742-a52f-73e7-84d1-c1e17983414a	01a22742-a52f-72ce-ba9c-6f9efcf89b8f	\N	CREATED	CREATED	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.812883+00:00", "previous_updated_at": null}	2026-11-29 12:23:28.812883+00	none
01a22742-a537-7cc9-bb66-efbde2db0ac6	01a22742-a537-7a7a-862c-3e8414596ba8	\N	CREATED	CREATED	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.823153+00:00", "previous_updated_at": null}	2026-11-29 12:23:28.823153+00	none
01a22742-a538-79f5-8c68-c7f2fc3c25bd	01a22742-a538-78ae-b034-80907b807b5c	\N	CREATED	CREATED	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.823153+00:00", "previous_updated_at": null}	2026-11-29 12:23:28.823153+00	none
01a22742-a539-7496-9309-a2db7261764c	01a22742-a539-737f-b447-0b0c9eca2db7	\N	CREATED	CREATED	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.823153+00:00", "previous_updated_at": null}	2026-11-29 12:23:28.823153+00	none
01a22742-a539-7cd6-9b56-ca98d8fe5799	01a22742-a539-7bcf-98ba-b0ff41c5d0cb	\N	CREATED	CREATED	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.823153+00:00", "previous_updated_at": null}	2026-11-29 12:23:28.823153+00	none
01a22742-a53b-76a8-9b14-3019825dcd0f	01a22742-a53b-7540-a773-4ae1f0e64bb0	\N	CREATED	CREATED	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.827039+00:00", "previous_updated_at": null}	2026-11-29 12:23:28.827039+00	none
01a22742-a53b-7f3d-af22-f149651112e4	01a22742-a53b-7e3b-8d7f-377b1ee82e89	\N	CREATED	CREATED	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.827039+00:00", "previous_updated_at": null}	2026-11-29 12:23:28.827039+00	none
01a22742-a53c-771d-b054-50743cd04b24	01a22742-a53c-763a-b74b-3825afdf39f9	\N	CREATED	CREATED	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.827039+00:00", "previous_updated_at": null}	2026-11-29 12:23:28.827039+00	none
01a22742-a53c-7da2-aa32-80f908ad3b68	01a22742-a53c-7cbe-9c6d-38574010c353	\N	CREATED	CREATED	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.827039+00:00", "previous_updated_at": null}	2026-11-29 12:23:28.827039+00	none
01a22742-a541-78b5-a181-714d12e420c5	01a22742-a541-7727-8f35-675b5aef1e1a	\N	CREATED	CREATED	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.833071+00:00", "previous_updated_at": null}	2026-11-29 12:23:28.833071+00	none
01a22742-a543-7541-8679-4fce87c3ed43	01a22742-a543-73f8-b23e-93049a61f17d	\N	CREATED	CREATED	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.833071+00:00", "previous_updated_at": null}	2026-11-29 12:23:28.833071+00	none
01a22742-a543-7ea5-a7ce-685956df1f2d	01a22742-a543-7d8a-94c0-70c878c150fa	\N	CREATED	CREATED	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.833071+00:00", "previous_updated_at": null}	2026-11-29 12:23:28.833071+00	none
01a22742-a549-7b5d-bd18-0ab0a87f156c	01a22742-a549-78b6-9fff-b2b3210e4847	\N	CREATED	CREATED	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.840761+00:00", "previous_updated_at": null}	2026-11-29 12:23:28.840761+00	none
01a22742-a54b-7741-93c2-0cc9feba291b	01a22742-a54b-75bb-9052-d4d455fd67aa	\N	CREATED	CREATED	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.840761+00:00", "previous_updated_at": null}	2026-11-29 12:23:28.840761+00	none
01a22742-a54c-72d7-8d19-17ed369cc6e2	01a22742-a54c-719f-a927-f0014a1a679c	\N	CREATED	CREATED	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.840761+00:00", "previous_updated_at": null}	2026-11-29 12:23:28.840761+00	none
01a22742-a557-732d-8e60-cd9705ba175d	01a22742-a525-761f-8622-b30fefa28d61	CREATED	RUNNING	START_CAMPAIGN	{"changed_by": "postgres", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.85485+00:00", "previous_updated_at": "2026-11-29T12:23:28.804988+00:00"}	2026-11-29 12:23:28.85485+00	none
01a22742-a557-7904-8f57-4b00a99aebc4	01a22742-a526-714e-af1e-ae96cd2739c0	CREATED	RUNNING	START_CAMPAIGN	{"changed_by": "postgres", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.855085+00:00", "previous_updated_at": "2026-11-29T12:23:28.804988+00:00"}	2026-11-29 12:23:28.855085+00	none
01a22742-a557-7998-9409-72005a3a25d4	01a22742-a526-7a33-86e9-6ed02f95919a	CREATED	RUNNING	START_CAMPAIGN	{"changed_by": "postgres", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.855105+00:00", "previous_updated_at": "2026-11-29T12:23:28.804988+00:00"}	2026-11-29 12:23:28.855105+00	none
01a22742-a557-79e3-9dee-e53a5ecdec99	01a22742-a527-71b7-b183-b8b3b516f21c	CREATED	RUNNING	START_CAMPAIGN	{"changed_by": "postgres", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.855121+00:00", "previous_updated_at": "2026-11-29T12:23:28.804988+00:00"}	2026-11-29 12:23:28.855121+00	none
01a22742-a557-7a20-b25f-52afbd465112	01a22742-a52d-760c-999c-4cd3bbff41ea	CREATED	RUNNING	START_CAMPAIGN	{"changed_by": "postgres", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.855136+00:00", "previous_updated_at": "2026-11-29T12:23:28.812883+00:00"}	2026-11-29 12:23:28.855136+00	none
01a22742-a55f-7e6f-9be3-7717f6085511	01a22742-a52d-760c-999c-4cd3bbff41ea	RUNNING	CLOSED	CLOSE_CAMPAIGN	{"changed_by": "postgres", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.863723+00:00", "previous_updated_at": "2026-11-29T12:23:28.855136+00:00"}	2026-11-29 12:23:28.863723+00	none
01a22742-a563-74c8-8005-dcf5fd4e77e7	01a22742-a52e-72bc-b492-1f7c12725c96	CREATED	RUNNING	START_CAMPAIGN	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.867097+00:00", "previous_updated_at": "2026-11-29T12:23:28.812883+00:00"}	2026-11-29 12:23:28.867097+00	none
01a22742-a563-7846-b7fd-8d6172476de0	01a22742-a52e-7a82-b1f9-3d66f67afe7d	CREATED	RUNNING	START_CAMPAIGN	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.867252+00:00", "previous_updated_at": "2026-11-29T12:23:28.812883+00:00"}	2026-11-29 12:23:28.867252+00	none
01a22742-a563-78b6-8071-4736555c03f2	01a22742-a52f-72ce-ba9c-6f9efcf89b8f	CREATED	RUNNING	START_CAMPAIGN	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.867269+00:00", "previous_updated_at": "2026-11-29T12:23:28.812883+00:00"}	2026-11-29 12:23:28.867269+00	none
01a22742-a563-78f4-a041-083e57b4cbb4	01a22742-a537-7a7a-862c-3e8414596ba8	CREATED	RUNNING	START_CAMPAIGN	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.867282+00:00", "previous_updated_at": "2026-11-29T12:23:28.823153+00:00"}	2026-11-29 12:23:28.867282+00	none
01a22742-a56c-772f-ac84-de4f45363bcd	01a22742-a538-78ae-b034-80907b807b5c	CREATED	RUNNING	START_CAMPAIGN	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.874924+00:00", "previous_updated_at": "2026-11-29T12:23:28.823153+00:00"}	2026-11-29 12:23:28.874924+00	none
01a22742-a56c-7873-b599-5f8f83e88c62	01a22742-a539-737f-b447-0b0c9eca2db7	CREATED	RUNNING	START_CAMPAIGN	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.875117+00:00", "previous_updated_at": "2026-11-29T12:23:28.823153+00:00"}	2026-11-29 12:23:28.875117+00	none
01a22742-a56c-78cc-ba5d-06f1686ece3f	01a22742-a539-7bcf-98ba-b0ff41c5d0cb	CREATED	RUNNING	START_CAMPAIGN	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.876403+00:00", "previous_updated_at": "2026-11-29T12:23:28.823153+00:00"}	2026-11-29 12:23:28.876403+00	none
01a22742-a56c-78f6-8163-db1e1994ee60	01a22742-a53b-7540-a773-4ae1f0e64bb0	CREATED	RUNNING	START_CAMPAIGN	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.876427+00:00", "previous_updated_at": "2026-11-29T12:23:28.827039+00:00"}	2026-11-29 12:23:28.876427+00	none
01a22742-a571-7d05-9b71-8fc45d6cde38	01a22742-a53b-7e3b-8d7f-377b1ee82e89	CREATED	RUNNING	START_CAMPAIGN	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.881752+00:00", "previous_updated_at": "2026-11-29T12:23:28.827039+00:00"}	2026-11-29 12:23:28.881752+00	none
01a22742-a572-753e-bac8-b54e1e9ac0bc	01a22742-a53c-763a-b74b-3825afdf39f9	CREATED	RUNNING	START_CAMPAIGN	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.882272+00:00", "previous_updated_at": "2026-11-29T12:23:28.827039+00:00"}	2026-11-29 12:23:28.882272+00	none
01a22742-a572-7bfe-8fda-5345afbacec8	01a22742-a53c-7cbe-9c6d-38574010c353	CREATED	RUNNING	START_CAMPAIGN	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.882697+00:00", "previous_updated_at": "2026-11-29T12:23:28.827039+00:00"}	2026-11-29 12:23:28.882697+00	none
01a22742-a578-7052-bb77-ca55299ccf09	01a22742-a52e-72bc-b492-1f7c12725c96	RUNNING	CLOSED	CLOSE_CAMPAIGN	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.887848+00:00", "previous_updated_at": "2026-11-29T12:23:28.867097+00:00"}	2026-11-29 12:23:28.887848+00	none
01a22742-a578-70d2-aea7-b6f3878c73fb	01a22742-a52e-7a82-b1f9-3d66f67afe7d	RUNNING	CLOSED	CLOSE_CAMPAIGN	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.887921+00:00", "previous_updated_at": "2026-11-29T12:23:28.867252+00:00"}	2026-11-29 12:23:28.887921+00	none
01a22742-a578-7107-a329-57b479e7f1e9	01a22742-a52f-72ce-ba9c-6f9efcf89b8f	RUNNING	CLOSED	CLOSE_CAMPAIGN	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.88794+00:00", "previous_updated_at": "2026-11-29T12:23:28.867269+00:00"}	2026-11-29 12:23:28.88794+00	none
01a22742-a578-7131-ba1b-9416eb703f68	01a22742-a537-7a7a-862c-3e8414596ba8	RUNNING	CLOSED	CLOSE_CAMPAIGN	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.887956+00:00", "previous_updated_at": "2026-11-29T12:23:28.867282+00:00"}	2026-11-29 12:23:28.887956+00	none
01a22742-a578-71fd-ac73-050d8c3a078e	01a22742-a538-78ae-b034-80907b807b5c	RUNNING	CLOSED	CLOSE_CAMPAIGN	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.887975+00:00", "previous_updated_at": "2026-11-29T12:23:28.874924+00:00"}	2026-11-29 12:23:28.887975+00	none
01a22742-a578-722f-b693-71f42a81f3f7	01a22742-a539-737f-b447-0b0c9eca2db7	RUNNING	CLOSED	CLOSE_CAMPAIGN	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.88799+00:00", "previous_updated_at": "2026-11-29T12:23:28.875117+00:00"}	2026-11-29 12:23:28.88799+00	none
01a22742-a578-7258-9986-df98988fe80c	01a22742-a539-7bcf-98ba-b0ff41c5d0cb	RUNNING	CLOSED	CLOSE_CAMPAIGN	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.888004+00:00", "previous_updated_at": "2026-11-29T12:23:28.876403+00:00"}	2026-11-29 12:23:28.888004+00	none
01a22742-a578-7659-b432-dd3ae3705164	01a22742-a53b-7540-a773-4ae1f0e64bb0	RUNNING	EXPIRED	EXPIRE_CAMPAIGN	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.888296+00:00", "previous_updated_at": "2026-11-29T12:23:28.876427+00:00"}	2026-11-29 12:23:28.888296+00	none
01a22742-a578-76c2-80aa-ba4e9c2082a1	01a22742-a53b-7e3b-8d7f-377b1ee82e89	RUNNING	EXPIRED	EXPIRE_CAMPAIGN	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.888348+00:00", "previous_updated_at": "2026-11-29T12:23:28.881752+00:00"}	2026-11-29 12:23:28.888348+00	none
01a22742-a578-76f0-94f4-5a598c56e66f	01a22742-a53c-763a-b74b-3825afdf39f9	RUNNING	EXPIRED	EXPIRE_CAMPAIGN	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.888364+00:00", "previous_updated_at": "2026-11-29T12:23:28.882272+00:00"}	2026-11-29 12:23:28.888364+00	none
01a22742-a578-7717-97c0-a37042198773	01a22742-a53c-7cbe-9c6d-38574010c353	RUNNING	EXPIRED	EXPIRE_CAMPAIGN	{"changed_by": "furnish", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.888377+00:00", "previous_updated_at": "2026-11-29T12:23:28.882697+00:00"}	2026-11-29 12:23:28.888377+00	none
01a22742-a5aa-7e84-85b9-e796028fc443	01a22742-a537-7a7a-862c-3e8414596ba8	CLOSED	REWARD_CLAIM	BY_HAND	{"changed_by": "me", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.93825+00:00", "previous_updated_at": "2026-11-29T12:23:28.887956+00:00"}	2026-11-29 12:23:28.93825+00	none
01a22742-a5af-7848-8d66-4e0b6cab4593	01a22742-a538-78ae-b034-80907b807b5c	CLOSED	REWARD_CLAIM	BY_HAND	{"changed_by": "me", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.94328+00:00", "previous_updated_at": "2026-11-29T12:23:28.887975+00:00"}	2026-11-29 12:23:28.94328+00	none
01a22742-a5b0-7dd6-a88a-a8e1aff2b23c	01a22742-a539-737f-b447-0b0c9eca2db7	CLOSED	REWARD_CLAIM	BY_HAND	{"changed_by": "me", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.944637+00:00", "previous_updated_at": "2026-11-29T12:23:28.88799+00:00"}	2026-11-29 12:23:28.944637+00	none
01a22742-a5b2-70b2-a8dd-8ae92300d119	01a22742-a539-7bcf-98ba-b0ff41c5d0cb	CLOSED	REWARD_CLAIM	BY_HAND	{"changed_by": "me", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.94595+00:00", "previous_updated_at": "2026-11-29T12:23:28.888004+00:00"}	2026-11-29 12:23:28.94595+00	none
01a22742-a5b3-7ecd-8a99-68978d0bdab4	01a22742-a549-78b6-9fff-b2b3210e4847	CREATED	EXPIRED	CANCELLED	{"reason": "tests", "changed_by": "postgres", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.947814+00:00", "previous_updated_at": "2026-11-29T12:23:28.840761+00:00"}	2026-11-29 12:23:28.947814+00	none
01a22742-a5b5-7105-b052-2db836d16c3f	01a22742-a54b-75bb-9052-d4d455fd67aa	CREATED	EXPIRED	CANCELLED	{"reason": "tests", "changed_by": "postgres", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.948889+00:00", "previous_updated_at": "2026-11-29T12:23:28.840761+00:00"}	2026-11-29 12:23:28.948889+00	none
01a22742-a5b5-7c81-a52f-9cad4d2dc7cb	01a22742-a54c-719f-a927-f0014a1a679c	CREATED	EXPIRED	CANCELLED	{"reason": "tests", "changed_by": "postgres", "session_user": "postgres", "new_updated_at": "2026-11-29T12:23:28.949691+00:00", "previous_updated_at": "2026-11-29T12:23:28.840761+00:00"}	2026-11-29 12:23:28.949691+00	none
\.


--
-- Data for Name: campaign_state_log_y2026m12; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_state_log_y2026m12 (id, campaign_id, from_state, to_state, trigger_event, metadata, created_at, remark) FROM stdin;
\.


--
-- Data for Name: campaign_state_log_y2027m01; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_state_log_y2027m01 (id, campaign_id, from_state, to_state, trigger_event, metadata, created_at, remark) FROM stdin;
\.


--
-- Data for Name: campaign_state_log_y2027m02; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_state_log_y2027m02 (id, campaign_id, from_state, to_state, trigger_event, metadata, created_at, remark) FROM stdin;
\.


--
-- Data for Name: campaign_state_transitions; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_state_transitions (from_state, to_state, timer_type, priority) FROM stdin;
CREATED	RUNNING	START_CAMPAIGN	10
RUNNING	CLOSED	CLOSE_CAMPAIGN	20
CLOSED	REWARD_CLAIM	REWARD_REMINDER	30
RUNNING	EXPIRED	EXPIRE_CAMPAIGN	40
CLOSED	EXPIRED	EXPIRE_CAMPAIGN	40
REWARD_CLAIM	EXPIRED	EXPIRE_CAMPAIGN	40
CREATED	EXPIRED	EXPIRE_CAMPAIGN	100
\.


--
-- Data for Name: campaign_tables_version; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_tables_version (version) FROM stdin;
1.1
\.


--
-- Data for Name: campaign_timer_handlers; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_timer_handlers (timer_type, handler, handler_owner, timeout, registered_at) FROM stdin;
REWARD_REMINDER	public.handle(uuid,uuid,jsonb)	postgres	00:00:05	2026-11-29 12:23:29.420532+00
\.


--
-- Data for Name: campaign_timer_policies; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_timer_policies (state, timer_type, anchor, delay, only_when) FROM stdin;
CREATED	START_CAMPAIGN	start_time	00:00:00	\N
CREATED	CLOSE_CAMPAIGN	end_time	00:00:00	auto_close
CREATED	EXPIRE_CAMPAIGN	end_time	02:00:00	\N
RUNNING	CLOSE_CAMPAIGN	end_time	00:00:00	auto_close
RUNNING	EXPIRE_CAMPAIGN	end_time	02:00:00	\N
CLOSED	REWARD_REMINDER	entered	00:05:00	rewards_enabled
REWARD_CLAIM	EXPIRE_CAMPAIGN	entered	168:00:00	\N
CLOSED	EXPIRE_CAMPAIGN	entered	72:00:00	\N
RUNNING	REWARD_REMINDER	entered	24:00:00	vip
\.


--
-- Data for Name: campaign_timers; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaign_timers (id, campaign_id, timer_type, status, scheduled_at, executed_at, payload, retry_count, created_at, updated_at) FROM stdin;
01a22742-a518-7517-ab6c-7420ca6aae01	01a22742-a50f-7a63-9632-fcc9610f0937	START_CAMPAIGN	PENDING	2026-12-02 12:23:28.781356+00	\N	{"policy": true}	0	2026-11-29 12:23:28.781356+00	2026-11-29 12:23:28.781356+00
01a22742-a51d-7012-89a3-5e2e1a8723c7	01a22742-a50f-7a63-9632-fcc9610f0937	EXPIRE_CAMPAIGN	PENDING	2026-12-04 14:23:28.781356+00	\N	{"policy": true}	0	2026-11-29 12:23:28.781356+00	2026-11-29 12:23:28.781356+00
01a22742-a51d-74b5-81c2-6a5d8ab09400	01a22742-a51d-7a13-b1e0-5c004b2f73be	START_CAMPAIGN	PENDING	2026-12-02 12:23:28.781356+00	\N	{"policy": true}	0	2026-11-29 12:23:28.781356+00	2026-11-29 12:23:28.781356+00
01a22742-a51e-72a2-a5fc-ab9fb8e4ed58	01a22742-a51d-7a13-b1e0-5c004b2f73be	EXPIRE_CAMPAIGN	PENDING	2026-12-04 14:23:28.781356+00	\N	{"policy": true}	0	2026-11-29 12:23:28.781356+00	2026-11-29 12:23:28.781356+00
01a22742-a521-713c-b77d-2d2ebeedfdec	01a22742-a51e-7822-af3a-a0f92c36b955	START_CAMPAIGN	PENDING	2026-12-02 12:23:28.781356+00	\N	{"policy": true}	0	2026-11-29 12:23:28.781356+00	2026-11-29 12:23:28.781356+00
01a22742-a521-729f-8645-b63ec45779fa	01a22742-a51e-7822-af3a-a0f92c36b955	EXPIRE_CAMPAIGN	PENDING	2026-12-04 14:23:28.781356+00	\N	{"policy": true}	0	2026-11-29 12:23:28.781356+00	2026-11-29 12:23:28.781356+00
01a22742-a521-7ed4-8dbc-e4c39d68d888	01a22742-a521-7b22-9618-c996e4564493	START_CAMPAIGN	PENDING	2026-12-02 12:23:28.781356+00	\N	{"policy": true}	0	2026-11-29 12:23:28.781356+00	2026-11-29 12:23:28.781356+00
01a22742-a522-796a-8c7f-e3f5ef04403c	01a22742-a521-7b22-9618-c996e4564493	EXPIRE_CAMPAIGN	PENDING	2026-12-04 14:23:28.781356+00	\N	{"policy": true}	0	2026-11-29 12:23:28.781356+00	2026-11-29 12:23:28.781356+00
01a22742-a518-7227-924d-fdc07b8bb984	01a22742-a50f-7a63-9632-fcc9610f0937	CLOSE_CAMPAIGN	CANCELLED	2026-12-04 12:23:28.781356+00	\N	{"policy": true, "cancel_reason": "once"}	0	2026-11-29 12:23:28.781356+00	2026-11-29 12:23:28.951177+00
01a22742-a51e-7dd6-a19a-11fc7ebdf6b3	01a22742-a51d-7a13-b1e0-5c004b2f73be	CLOSE_CAMPAIGN	CANCELLED	2026-12-04 12:23:28.781356+00	\N	{"policy": true, "cancel_reason": "once"}	0	2026-11-29 12:23:28.781356+00	2026-11-29 12:23:28.951417+00
01a22742-a521-7c54-8bed-bff75212cdb6	01a22742-a51e-7822-af3a-a0f92c36b955	CLOSE_CAMPAIGN	CANCELLED	2026-12-04 12:23:28.781356+00	\N	{"policy": true, "cancel_reason": "once"}	0	2026-11-29 12:23:28.781356+00	2026-11-29 12:23:28.951639+00
01a22742-a522-7965-be88-1369c6d661ca	01a22742-a521-7b22-9618-c996e4564493	CLOSE_CAMPAIGN	CANCELLED	2026-12-04 12:23:28.781356+00	\N	{"policy": true, "cancel_reason": "once"}	0	2026-11-29 12:23:28.781356+00	2026-11-29 12:23:28.95184+00
01a22742-a541-751f-adfe-f83c07ac4ba5	01a22742-a541-7727-8f35-675b5aef1e1a	CLOSE_CAMPAIGN	CANCELLED	2026-11-30 11:23:28.833071+00	\N	{"policy": true, "cancel_reason": "once"}	0	2026-11-29 12:23:28.833071+00	2026-11-29 12:23:28.952181+00
01a22742-a525-7dd2-81f6-d307552c9469	01a22742-a525-761f-8622-b30fefa28d61	CLOSE_CAMPAIGN	PENDING	2026-11-27 12:23:29.137709+00	\N	{"policy": true}	0	2026-11-29 12:23:28.804988+00	2026-11-29 12:23:29.140189+00
01a22742-a526-75c9-be46-c40035acb72b	01a22742-a526-714e-af1e-ae96cd2739c0	CLOSE_CAMPAIGN	PENDING	2026-11-27 12:23:29.137709+00	\N	{"policy": true}	0	2026-11-29 12:23:28.804988+00	2026-11-29 12:23:29.140415+00
01a22742-a526-7d49-8f9c-b106262605da	01a22742-a526-7a33-86e9-6ed02f95919a	CLOSE_CAMPAIGN	PENDING	2026-11-27 12:23:29.137709+00	\N	{"policy": true}	0	2026-11-29 12:23:28.804988+00	2026-11-29 12:23:29.140442+00
01a22742-a527-77f4-9bb9-25a8344aee93	01a22742-a527-71b7-b183-b8b3b516f21c	CLOSE_CAMPAIGN	PENDING	2026-11-27 12:23:29.137709+00	\N	{"policy": true}	0	2026-11-29 12:23:28.804988+00	2026-11-29 12:23:29.140464+00
01a22742-a525-768c-8b47-3f75de5b4885	01a22742-a525-761f-8622-b30fefa28d61	EXPIRE_CAMPAIGN	PENDING	2026-11-27 12:23:29.137709+00	\N	{"policy": true}	0	2026-11-29 12:23:28.804988+00	2026-11-29 12:23:29.140484+00
01a22742-a526-75f2-8b8f-03870693bc63	01a22742-a526-714e-af1e-ae96cd2739c0	EXPIRE_CAMPAIGN	PENDING	2026-11-27 12:23:29.137709+00	\N	{"policy": true}	0	2026-11-29 12:23:28.804988+00	2026-11-29 12:23:29.140504+00
01a22742-a526-7db1-ad48-f8b0a1eff405	01a22742-a526-7a33-86e9-6ed02f95919a	EXPIRE_CAMPAIGN	PENDING	2026-11-27 12:23:29.137709+00	\N	{"policy": true}	0	2026-11-29 12:23:28.804988+00	2026-11-29 12:23:29.140527+00
01a22742-a527-704d-a3f1-4ec16cfd8df7	01a22742-a527-71b7-b183-b8b3b516f21c	EXPIRE_CAMPAIGN	PENDING	2026-11-27 12:23:29.137709+00	\N	{"policy": true}	0	2026-11-29 12:23:28.804988+00	2026-11-29 12:23:29.140547+00
01a22742-a541-75f5-8c5f-fa1a7895b37e	01a22742-a541-7727-8f35-675b5aef1e1a	EXPIRE_CAMPAIGN	PENDING	2026-11-30 13:23:28.833071+00	\N	{"policy": true}	0	2026-11-29 12:23:28.833071+00	2026-11-29 12:23:28.833071+00
01a22742-a543-779b-99b8-cda32862e8b7	01a22742-a543-73f8-b23e-93049a61f17d	EXPIRE_CAMPAIGN	PENDING	2026-11-30 13:23:28.833071+00	\N	{"policy": true}	0	2026-11-29 12:23:28.833071+00	2026-11-29 12:23:28.833071+00
01a22742-a544-70d7-901c-45f98868247b	01a22742-a543-7d8a-94c0-70c878c150fa	EXPIRE_CAMPAIGN	PENDING	2026-11-30 13:23:28.833071+00	\N	{"policy": true}	0	2026-11-29 12:23:28.833071+00	2026-11-29 12:23:28.833071+00
01a22742-a525-73a4-8815-f62506ece786	01a22742-a525-761f-8622-b30fefa28d61	START_CAMPAIGN	COMPLETED	2026-11-29 12:23:28.805575+00	2026-11-29 12:23:28.840055+00	{"policy": true}	0	2026-11-29 12:23:28.804988+00	2026-11-29 12:23:28.856309+00
01a22742-a526-769f-a79d-3396e7b59281	01a22742-a526-714e-af1e-ae96cd2739c0	START_CAMPAIGN	COMPLETED	2026-11-29 12:23:28.806253+00	2026-11-29 12:23:28.840055+00	{"policy": true}	0	2026-11-29 12:23:28.804988+00	2026-11-29 12:23:28.856417+00
01a22742-a526-7d05-b99c-0f6d42275ba8	01a22742-a526-7a33-86e9-6ed02f95919a	START_CAMPAIGN	COMPLETED	2026-11-29 12:23:28.806744+00	2026-11-29 12:23:28.840055+00	{"policy": true}	0	2026-11-29 12:23:28.804988+00	2026-11-29 12:23:28.856433+00
01a22742-a527-708f-b2ad-e04a18fa8523	01a22742-a527-71b7-b183-b8b3b516f21c	START_CAMPAIGN	COMPLETED	2026-11-29 12:23:28.807214+00	2026-11-29 12:23:28.840055+00	{"policy": true}	0	2026-11-29 12:23:28.804988+00	2026-11-29 12:23:28.856444+00
01a22742-a52d-7d2e-b720-bab1e1f7d649	01a22742-a52d-760c-999c-4cd3bbff41ea	START_CAMPAIGN	COMPLETED	2026-11-29 12:23:28.813612+00	2026-11-29 12:23:28.840055+00	{"policy": true}	0	2026-11-29 12:23:28.812883+00	2026-11-29 12:23:28.856456+00
01a22742-a52d-799a-8e00-10fbb613b3e5	01a22742-a52d-760c-999c-4cd3bbff41ea	CLOSE_CAMPAIGN	COMPLETED	2026-11-29 12:23:28.813612+00	2026-11-29 12:23:28.863794+00	{"policy": true}	0	2026-11-29 12:23:28.812883+00	2026-11-29 12:23:28.864164+00
01a22742-a52d-7a1d-94be-594a231d702c	01a22742-a52d-760c-999c-4cd3bbff41ea	EXPIRE_CAMPAIGN	PENDING	2026-12-02 12:23:28.863294+00	\N	{"policy": true}	0	2026-11-29 12:23:28.812883+00	2026-11-29 12:23:28.864275+00
01a22742-a52e-73c2-abe0-4065668bc9c5	01a22742-a52e-72bc-b492-1f7c12725c96	START_CAMPAIGN	COMPLETED	2026-11-29 12:23:28.814279+00	2026-11-29 12:23:28.864101+00	{"policy": true}	0	2026-11-29 12:23:28.812883+00	2026-11-29 12:23:28.873286+00
01a22742-a52e-7f2e-8eb1-54cd356f4ef4	01a22742-a52e-7a82-b1f9-3d66f67afe7d	START_CAMPAIGN	COMPLETED	2026-11-29 12:23:28.814764+00	2026-11-29 12:23:28.864101+00	{"policy": true}	0	2026-11-29 12:23:28.812883+00	2026-11-29 12:23:28.873394+00
01a22742-a52f-7cda-b8a7-57f765073d15	01a22742-a52f-72ce-ba9c-6f9efcf89b8f	START_CAMPAIGN	COMPLETED	2026-11-29 12:23:28.815294+00	2026-11-29 12:23:28.864101+00	{"policy": true}	0	2026-11-29 12:23:28.812883+00	2026-11-29 12:23:28.87341+00
01a22742-a538-7302-8e0f-be3e5bc164dd	01a22742-a537-7a7a-862c-3e8414596ba8	START_CAMPAIGN	COMPLETED	2026-11-29 12:23:28.823898+00	2026-11-29 12:23:28.864101+00	{"policy": true}	0	2026-11-29 12:23:28.823153+00	2026-11-29 12:23:28.873421+00
01a22742-a538-742d-89e0-4deacf3fc25a	01a22742-a538-78ae-b034-80907b807b5c	START_CAMPAIGN	COMPLETED	2026-11-29 12:23:28.824697+00	2026-11-29 12:23:28.859965+00	{"policy": true}	0	2026-11-29 12:23:28.823153+00	2026-11-29 12:23:28.876837+00
01a22742-a539-7ac1-aae0-faf5d27cac7d	01a22742-a539-737f-b447-0b0c9eca2db7	START_CAMPAIGN	COMPLETED	2026-11-29 12:23:28.825343+00	2026-11-29 12:23:28.859965+00	{"policy": true}	0	2026-11-29 12:23:28.823153+00	2026-11-29 12:23:28.876886+00
01a22742-a539-7b73-b92d-eb5fb23acbb8	01a22742-a539-7bcf-98ba-b0ff41c5d0cb	START_CAMPAIGN	COMPLETED	2026-11-29 12:23:28.825857+00	2026-11-29 12:23:28.859965+00	{"policy": true}	0	2026-11-29 12:23:28.823153+00	2026-11-29 12:23:28.8769+00
01a22742-a53b-7abe-9b1a-cda6af40cf15	01a22742-a53b-7540-a773-4ae1f0e64bb0	START_CAMPAIGN	COMPLETED	2026-11-29 12:23:28.827478+00	2026-11-29 12:23:28.859965+00	{"policy": true}	0	2026-11-29 12:23:28.827039+00	2026-11-29 12:23:28.876917+00
01a22742-a53c-7964-b1a2-2cc0184813cd	01a22742-a53b-7e3b-8d7f-377b1ee82e89	START_CAMPAIGN	COMPLETED	2026-11-29 12:23:28.828007+00	2026-11-29 12:23:28.858235+00	{"policy": true}	0	2026-11-29 12:23:28.827039+00	2026-11-29 12:23:28.881958+00
01a22742-a53c-75b6-a4a6-ad48287761ab	01a22742-a53c-763a-b74b-3825afdf39f9	START_CAMPAIGN	COMPLETED	2026-11-29 12:23:28.828495+00	2026-11-29 12:23:28.85819+00	{"policy": true}	0	2026-11-29 12:23:28.827039+00	2026-11-29 12:23:28.882431+00
01a22742-a53d-7c30-a9b9-0b1d3a99b3c2	01a22742-a53c-7cbe-9c6d-38574010c353	START_CAMPAIGN	COMPLETED	2026-11-29 12:23:28.828897+00	2026-11-29 12:23:28.858185+00	{"policy": true}	0	2026-11-29 12:23:28.827039+00	2026-11-29 12:23:28.882851+00
01a22742-a544-722b-81f8-116c127b99ac	01a22742-a543-7d8a-94c0-70c878c150fa	START_CAMPAIGN	FAILED	2026-11-29 13:25:15.902783+00	\N	{"policy": true}	1	2026-11-29 12:23:28.833071+00	2026-11-29 12:23:28.887207+00
01a22742-a52e-7a49-bbb8-a7d141e70ab3	01a22742-a52e-72bc-b492-1f7c12725c96	CLOSE_CAMPAIGN	COMPLETED	2026-11-29 12:23:28.814279+00	2026-11-29 12:23:28.858736+00	{"policy": true}	0	2026-11-29 12:23:28.812883+00	2026-11-29 12:23:28.88854+00
01a22742-a52e-7fb8-bd54-150c2609a1bc	01a22742-a52e-7a82-b1f9-3d66f67afe7d	CLOSE_CAMPAIGN	COMPLETED	2026-11-29 12:23:28.814764+00	2026-11-29 12:23:28.858736+00	{"policy": true}	0	2026-11-29 12:23:28.812883+00	2026-11-29 12:23:28.888572+00
01a22742-a52f-7b7c-8ffd-3aeac4d0ff16	01a22742-a52f-72ce-ba9c-6f9efcf89b8f	CLOSE_CAMPAIGN	COMPLETED	2026-11-29 12:23:28.815294+00	2026-11-29 12:23:28.858736+00	{"policy": true}	0	2026-11-29 12:23:28.812883+00	2026-11-29 12:23:28.888589+00
01a22742-a538-7c39-8073-7e98646d9b49	01a22742-a537-7a7a-862c-3e8414596ba8	CLOSE_CAMPAIGN	COMPLETED	2026-11-29 12:23:28.823898+00	2026-11-29 12:23:28.858736+00	{"policy": true}	0	2026-11-29 12:23:28.823153+00	2026-11-29 12:23:28.888599+00
01a22742-a538-7412-95e3-dc34680c201c	01a22742-a538-78ae-b034-80907b807b5c	CLOSE_CAMPAIGN	COMPLETED	2026-11-29 12:23:28.824697+00	2026-11-29 12:23:28.858736+00	{"policy": true}	0	2026-11-29 12:23:28.823153+00	2026-11-29 12:23:28.888608+00
01a22742-a539-7f9e-ab29-f3179883d911	01a22742-a539-737f-b447-0b0c9eca2db7	CLOSE_CAMPAIGN	COMPLETED	2026-11-29 12:23:28.825343+00	2026-11-29 12:23:28.858736+00	{"policy": true}	0	2026-11-29 12:23:28.823153+00	2026-11-29 12:23:28.888617+00
01a22742-a53a-7610-9647-f59ab3063656	01a22742-a539-7bcf-98ba-b0ff41c5d0cb	CLOSE_CAMPAIGN	COMPLETED	2026-11-29 12:23:28.825857+00	2026-11-29 12:23:28.858736+00	{"policy": true}	0	2026-11-29 12:23:28.823153+00	2026-11-29 12:23:28.888626+00
01a22742-a53b-7734-88d8-8b3e891bf329	01a22742-a53b-7540-a773-4ae1f0e64bb0	EXPIRE_CAMPAIGN	COMPLETED	2026-11-29 12:23:28.827478+00	2026-11-29 12:23:28.858736+00	{"policy": true}	0	2026-11-29 12:23:28.827039+00	2026-11-29 12:23:28.888635+00
01a22742-a53c-754c-8b37-917276347c48	01a22742-a53b-7e3b-8d7f-377b1ee82e89	EXPIRE_CAMPAIGN	COMPLETED	2026-11-29 12:23:28.828007+00	2026-11-29 12:23:28.858736+00	{"policy": true}	0	2026-11-29 12:23:28.827039+00	2026-11-29 12:23:28.888643+00
01a22742-a53c-7a42-9cb3-d5a6076f716d	01a22742-a53c-763a-b74b-3825afdf39f9	EXPIRE_CAMPAIGN	COMPLETED	2026-11-29 12:23:28.828495+00	2026-11-29 12:23:28.858736+00	{"policy": true}	0	2026-11-29 12:23:28.827039+00	2026-11-29 12:23:28.888655+00
01a22742-a53e-760b-bf1f-fdadef56b9d3	01a22742-a53c-7cbe-9c6d-38574010c353	EXPIRE_CAMPAIGN	COMPLETED	2026-11-29 12:23:28.828897+00	2026-11-29 12:23:28.858736+00	{"policy": true}	0	2026-11-29 12:23:28.827039+00	2026-11-29 12:23:28.888663+00
01a22742-a52e-7f17-a2b3-7daab4f4ad29	01a22742-a52e-72bc-b492-1f7c12725c96	EXPIRE_CAMPAIGN	PENDING	2026-12-02 12:23:28.857998+00	\N	{"policy": true}	0	2026-11-29 12:23:28.812883+00	2026-11-29 12:23:28.888762+00
01a22742-a52f-7e05-a7f6-93c5aba2508f	01a22742-a52e-7a82-b1f9-3d66f67afe7d	EXPIRE_CAMPAIGN	PENDING	2026-12-02 12:23:28.857998+00	\N	{"policy": true}	0	2026-11-29 12:23:28.812883+00	2026-11-29 12:23:28.888789+00
01a22742-a52f-7f01-9acd-ef868415e28e	01a22742-a52f-72ce-ba9c-6f9efcf89b8f	EXPIRE_CAMPAIGN	PENDING	2026-12-02 12:23:28.857998+00	\N	{"policy": true}	0	2026-11-29 12:23:28.812883+00	2026-11-29 12:23:28.888803+00
01a22742-a538-724d-9260-4c4ba4ee5c53	01a22742-a537-7a7a-862c-3e8414596ba8	EXPIRE_CAMPAIGN	PENDING	2026-12-06 12:23:28.93825+00	\N	{"policy": true}	0	2026-11-29 12:23:28.823153+00	2026-11-29 12:23:28.942334+00
01a22742-a578-7e50-a9c2-c3cce4f6a036	01a22742-a537-7a7a-862c-3e8414596ba8	REWARD_REMINDER	CANCELLED	2026-11-29 12:28:28.857998+00	\N	{"policy": true}	0	2026-11-29 12:23:28.857542+00	2026-11-29 12:23:28.942513+00
01a22742-a54a-7923-bcde-230c962b3808	01a22742-a549-78b6-9fff-b2b3210e4847	CLOSE_CAMPAIGN	CANCELLED	2026-12-05 12:23:28.840761+00	\N	{"policy": true}	0	2026-11-29 12:23:28.840761+00	2026-11-29 12:23:28.948265+00
01a22742-a54a-706d-9f45-c106c6ac9afb	01a22742-a549-78b6-9fff-b2b3210e4847	EXPIRE_CAMPAIGN	CANCELLED	2026-12-05 14:23:28.840761+00	\N	{"policy": true}	0	2026-11-29 12:23:28.840761+00	2026-11-29 12:23:28.948347+00
01a22742-a54a-7a1e-8561-7c2c5d95276c	01a22742-a549-78b6-9fff-b2b3210e4847	START_CAMPAIGN	CANCELLED	2026-12-04 12:23:28.840761+00	\N	{"policy": true}	0	2026-11-29 12:23:28.840761+00	2026-11-29 12:23:28.948361+00
01a22742-a54b-76c2-a838-3d84d5e02fa9	01a22742-a54b-75bb-9052-d4d455fd67aa	CLOSE_CAMPAIGN	CANCELLED	2026-12-05 12:23:28.840761+00	\N	{"policy": true}	0	2026-11-29 12:23:28.840761+00	2026-11-29 12:23:28.949289+00
01a22742-a54b-73a9-b8ed-7d5baf9b450e	01a22742-a54b-75bb-9052-d4d455fd67aa	EXPIRE_CAMPAIGN	CANCELLED	2026-12-05 14:23:28.840761+00	\N	{"policy": true}	0	2026-11-29 12:23:28.840761+00	2026-11-29 12:23:28.94936+00
01a22742-a543-7041-bde8-726df9e74a4a	01a22742-a543-73f8-b23e-93049a61f17d	CLOSE_CAMPAIGN	CANCELLED	2026-11-30 11:23:28.833071+00	\N	{"policy": true, "cancel_reason": "once"}	0	2026-11-29 12:23:28.833071+00	2026-11-29 12:23:28.952581+00
01a22742-a544-72b5-82e2-d1ec4e686fdc	01a22742-a543-7d8a-94c0-70c878c150fa	CLOSE_CAMPAIGN	CANCELLED	2026-11-30 11:23:28.833071+00	\N	{"policy": true, "cancel_reason": "once"}	0	2026-11-29 12:23:28.833071+00	2026-11-29 12:23:28.952727+00
01a22742-a541-7e6b-a88d-893a42f30f57	01a22742-a541-7727-8f35-675b5aef1e1a	START_CAMPAIGN	FAILED	2026-11-29 12:23:29.104855+00	\N	{"policy": true}	5	2026-11-29 12:23:28.833071+00	2026-11-29 12:23:29.107994+00
01a22742-a543-7e7b-8d03-8f4b621120f0	01a22742-a543-73f8-b23e-93049a61f17d	START_CAMPAIGN	FAILED	2026-11-29 12:23:29.104855+00	\N	{"policy": true}	5	2026-11-29 12:23:28.833071+00	2026-11-29 12:23:29.108494+00
01a22742-a539-7def-b08a-23b5610370e1	01a22742-a538-78ae-b034-80907b807b5c	EXPIRE_CAMPAIGN	PENDING	2026-12-06 12:23:28.94328+00	\N	{"policy": true}	0	2026-11-29 12:23:28.823153+00	2026-11-29 12:23:28.943942+00
01a22742-a578-7ea8-a876-2b91791d123f	01a22742-a538-78ae-b034-80907b807b5c	REWARD_REMINDER	CANCELLED	2026-11-29 12:28:28.857998+00	\N	{"policy": true}	0	2026-11-29 12:23:28.857542+00	2026-11-29 12:23:28.944053+00
01a22742-a539-7095-a94d-48b687b42e76	01a22742-a539-737f-b447-0b0c9eca2db7	EXPIRE_CAMPAIGN	PENDING	2026-12-06 12:23:28.944637+00	\N	{"policy": true}	0	2026-11-29 12:23:28.823153+00	2026-11-29 12:23:28.945299+00
01a22742-a578-7eaf-aa9e-b171d9f77fc7	01a22742-a539-737f-b447-0b0c9eca2db7	REWARD_REMINDER	CANCELLED	2026-11-29 12:28:28.857998+00	\N	{"policy": true}	0	2026-11-29 12:23:28.857542+00	2026-11-29 12:23:28.945387+00
01a22742-a53a-7005-8c50-e4ed54b79993	01a22742-a539-7bcf-98ba-b0ff41c5d0cb	EXPIRE_CAMPAIGN	PENDING	2026-12-06 12:23:28.94595+00	\N	{"policy": true}	0	2026-11-29 12:23:28.823153+00	2026-11-29 12:23:28.946272+00
01a22742-a578-7eb5-ab33-655f5574e1b7	01a22742-a539-7bcf-98ba-b0ff41c5d0cb	REWARD_REMINDER	CANCELLED	2026-11-29 12:28:28.857998+00	\N	{"policy": true}	0	2026-11-29 12:23:28.857542+00	2026-11-29 12:23:28.946357+00
01a22742-a54b-7ee7-b8be-75435b8cf88e	01a22742-a54b-75bb-9052-d4d455fd67aa	START_CAMPAIGN	CANCELLED	2026-12-04 12:23:28.840761+00	\N	{"policy": true}	0	2026-11-29 12:23:28.840761+00	2026-11-29 12:23:28.949373+00
01a22742-a54c-7b1d-b540-8141a8bb379a	01a22742-a54c-719f-a927-f0014a1a679c	CLOSE_CAMPAIGN	CANCELLED	2026-12-05 12:23:28.840761+00	\N	{"policy": true}	0	2026-11-29 12:23:28.840761+00	2026-11-29 12:23:28.949975+00
01a22742-a54c-7b7f-8ec5-49b574867097	01a22742-a54c-719f-a927-f0014a1a679c	EXPIRE_CAMPAIGN	CANCELLED	2026-12-05 14:23:28.840761+00	\N	{"policy": true}	0	2026-11-29 12:23:28.840761+00	2026-11-29 12:23:28.950043+00
01a22742-a54c-7574-83be-300c7341ecae	01a22742-a54c-719f-a927-f0014a1a679c	START_CAMPAIGN	CANCELLED	2026-12-04 12:23:28.840761+00	\N	{"policy": true}	0	2026-11-29 12:23:28.840761+00	2026-11-29 12:23:28.950057+00
01a22742-a5ba-70b0-8c19-98d089e603c9	01a22742-a537-7a7a-862c-3e8414596ba8	REWARD_REMINDER	PENDING	2026-12-19 12:23:28.952903+00	\N	{"by": "hand"}	0	2026-11-29 12:23:28.952903+00	2026-11-29 12:23:28.952903+00
01a22742-a5ba-7d74-b771-d70a888cbc31	01a22742-a538-78ae-b034-80907b807b5c	REWARD_REMINDER	PENDING	2026-12-19 12:23:28.952903+00	\N	{"by": "hand"}	0	2026-11-29 12:23:28.952903+00	2026-11-29 12:23:28.952903+00
01a22742-a5bb-761f-865b-0eb8959e4306	01a22742-a539-737f-b447-0b0c9eca2db7	REWARD_REMINDER	PENDING	2026-12-19 12:23:28.952903+00	\N	{"by": "hand"}	0	2026-11-29 12:23:28.952903+00	2026-11-29 12:23:28.952903+00
01a22742-a5bb-7dd6-9b1c-5ebd93616181	01a22742-a539-7bcf-98ba-b0ff41c5d0cb	REWARD_REMINDER	PENDING	2026-12-19 12:23:28.952903+00	\N	{"by": "hand"}	0	2026-11-29 12:23:28.952903+00	2026-11-29 12:23:28.952903+00
\.


--
-- Data for Name: campaigns; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.campaigns (id, status, metadata, created_at, updated_at, start_time, end_time, duration_hours, auto_close, rewards_enabled, budget, vip) FROM stdin;
01a22742-a50f-7a63-9632-fcc9610f0937	CREATED	{"n": 1, "text": "line\\nwith  and \\t and \\""}	2026-11-29 12:23:28.781356+00	2026-11-29 12:23:29.480447+00	2026-12-02 12:23:28.781356+00	2026-12-04 12:23:28.781356+00	48	t	t	24.0000000000000000	\N
01a22742-a51d-7a13-b1e0-5c004b2f73be	CREATED	{"n": 2, "text": "line\\nwith  and \\t and \\""}	2026-11-29 12:23:28.781356+00	2026-11-29 12:23:29.480575+00	2026-12-02 12:23:28.781356+00	2026-12-04 12:23:28.781356+00	48	t	t	24.0000000000000000	\N
01a22742-a51e-7822-af3a-a0f92c36b955	CREATED	{"n": 3, "text": "line\\nwith  and \\t and \\""}	2026-11-29 12:23:28.781356+00	2026-11-29 12:23:29.480588+00	2026-12-02 12:23:28.781356+00	2026-12-04 12:23:28.781356+00	48	t	t	24.0000000000000000	\N
01a22742-a521-7b22-9618-c996e4564493	CREATED	{"n": 4, "text": "line\\nwith  and \\t and \\""}	2026-11-29 12:23:28.781356+00	2026-11-29 12:23:29.480597+00	2026-12-02 12:23:28.781356+00	2026-12-04 12:23:28.781356+00	48	t	t	24.0000000000000000	\N
01a22742-a541-7727-8f35-675b5aef1e1a	CREATED	{"refused": true}	2026-11-29 12:23:28.833071+00	2026-11-29 12:23:29.480605+00	2026-11-29 11:23:28.833071+00	2026-11-30 11:23:28.833071+00	24	t	t	12.0000000000000000	\N
01a22742-a543-73f8-b23e-93049a61f17d	CREATED	{"refused": true}	2026-11-29 12:23:28.833071+00	2026-11-29 12:23:29.480619+00	2026-11-29 11:23:28.833071+00	2026-11-30 11:23:28.833071+00	24	t	t	12.0000000000000000	\N
01a22742-a543-7d8a-94c0-70c878c150fa	CREATED	{"refused": true}	2026-11-29 12:23:28.833071+00	2026-11-29 12:23:29.480627+00	2026-11-29 11:23:28.833071+00	2026-11-30 11:23:28.833071+00	24	t	t	12.0000000000000000	\N
01a22742-a525-761f-8622-b30fefa28d61	RUNNING	{}	2026-11-29 12:23:28.804988+00	2026-11-29 12:23:29.480635+00	2026-11-28 12:23:28.804988+00	2026-12-08 12:23:28.804988+00	240	t	t	120.0000000000000000	\N
01a22742-a526-714e-af1e-ae96cd2739c0	RUNNING	{}	2026-11-29 12:23:28.804988+00	2026-11-29 12:23:29.480644+00	2026-11-28 12:23:28.804988+00	2026-12-08 12:23:28.804988+00	240	t	t	120.0000000000000000	\N
01a22742-a526-7a33-86e9-6ed02f95919a	RUNNING	{}	2026-11-29 12:23:28.804988+00	2026-11-29 12:23:29.480651+00	2026-11-28 12:23:28.804988+00	2026-12-08 12:23:28.804988+00	240	t	t	120.0000000000000000	\N
01a22742-a527-71b7-b183-b8b3b516f21c	RUNNING	{}	2026-11-29 12:23:28.804988+00	2026-11-29 12:23:29.480658+00	2026-11-28 12:23:28.804988+00	2026-12-08 12:23:28.804988+00	240	t	t	120.0000000000000000	\N
01a22742-a52d-760c-999c-4cd3bbff41ea	CLOSED	{}	2026-11-29 12:23:28.812883+00	2026-11-29 12:23:29.480666+00	2026-11-29 11:23:28.812883+00	2026-11-29 12:23:28.812883+00	1	t	f	0.50000000000000000000	\N
01a22742-a549-78b6-9fff-b2b3210e4847	EXPIRED	{"cancelled": true}	2026-11-29 12:23:28.840761+00	2026-11-29 12:23:29.480676+00	2026-12-04 12:23:28.840761+00	2026-12-05 12:23:28.840761+00	24	t	t	12.0000000000000000	\N
01a22742-a54b-75bb-9052-d4d455fd67aa	EXPIRED	{"cancelled": true}	2026-11-29 12:23:28.840761+00	2026-11-29 12:23:29.480684+00	2026-12-04 12:23:28.840761+00	2026-12-05 12:23:28.840761+00	24	t	t	12.0000000000000000	\N
01a22742-a54c-719f-a927-f0014a1a679c	EXPIRED	{"cancelled": true}	2026-11-29 12:23:28.840761+00	2026-11-29 12:23:29.480692+00	2026-12-04 12:23:28.840761+00	2026-12-05 12:23:28.840761+00	24	t	t	12.0000000000000000	\N
01a22742-a52e-72bc-b492-1f7c12725c96	CLOSED	{}	2026-11-29 12:23:28.812883+00	2026-11-29 12:23:29.480701+00	2026-11-29 11:23:28.812883+00	2026-11-29 12:23:28.812883+00	1	t	f	0.50000000000000000000	\N
01a22742-a52e-7a82-b1f9-3d66f67afe7d	CLOSED	{}	2026-11-29 12:23:28.812883+00	2026-11-29 12:23:29.480708+00	2026-11-29 11:23:28.812883+00	2026-11-29 12:23:28.812883+00	1	t	f	0.50000000000000000000	\N
01a22742-a52f-72ce-ba9c-6f9efcf89b8f	CLOSED	{}	2026-11-29 12:23:28.812883+00	2026-11-29 12:23:29.480715+00	2026-11-29 11:23:28.812883+00	2026-11-29 12:23:28.812883+00	1	t	f	0.50000000000000000000	\N
01a22742-a53b-7540-a773-4ae1f0e64bb0	EXPIRED	{}	2026-11-29 12:23:28.827039+00	2026-11-29 12:23:29.480722+00	2026-11-29 09:23:28.827039+00	2026-11-29 10:23:28.827039+00	1	f	t	0.50000000000000000000	\N
01a22742-a53b-7e3b-8d7f-377b1ee82e89	EXPIRED	{}	2026-11-29 12:23:28.827039+00	2026-11-29 12:23:29.480729+00	2026-11-29 09:23:28.827039+00	2026-11-29 10:23:28.827039+00	1	f	t	0.50000000000000000000	\N
01a22742-a53c-763a-b74b-3825afdf39f9	EXPIRED	{}	2026-11-29 12:23:28.827039+00	2026-11-29 12:23:29.480738+00	2026-11-29 09:23:28.827039+00	2026-11-29 10:23:28.827039+00	1	f	t	0.50000000000000000000	\N
01a22742-a53c-7cbe-9c6d-38574010c353	EXPIRED	{}	2026-11-29 12:23:28.827039+00	2026-11-29 12:23:29.480744+00	2026-11-29 09:23:28.827039+00	2026-11-29 10:23:28.827039+00	1	f	t	0.50000000000000000000	\N
01a22742-a537-7a7a-862c-3e8414596ba8	REWARD_CLAIM	{"to": "REWARD_CLAIM"}	2026-11-29 12:23:28.823153+00	2026-11-29 12:23:29.480751+00	2026-11-29 11:23:28.823153+00	2026-11-29 12:23:28.823153+00	1	t	t	0.50000000000000000000	\N
01a22742-a538-78ae-b034-80907b807b5c	REWARD_CLAIM	{"to": "REWARD_CLAIM"}	2026-11-29 12:23:28.823153+00	2026-11-29 12:23:29.480758+00	2026-11-29 11:23:28.823153+00	2026-11-29 12:23:28.823153+00	1	t	t	0.50000000000000000000	\N
01a22742-a539-737f-b447-0b0c9eca2db7	REWARD_CLAIM	{"to": "REWARD_CLAIM"}	2026-11-29 12:23:28.823153+00	2026-11-29 12:23:29.480765+00	2026-11-29 11:23:28.823153+00	2026-11-29 12:23:28.823153+00	1	t	t	0.50000000000000000000	\N
01a22742-a539-7bcf-98ba-b0ff41c5d0cb	REWARD_CLAIM	{"to": "REWARD_CLAIM"}	2026-11-29 12:23:28.823153+00	2026-11-29 12:23:29.480772+00	2026-11-29 11:23:28.823153+00	2026-11-29 12:23:28.823153+00	1	t	t	0.50000000000000000000	\N
01a22742-a675-7e02-ab0e-fbf2dcdc27ec	EXPIRED	{}	2026-10-01 05:00:00+00	2026-11-29 12:23:29.480778+00	2026-10-01 05:00:00+00	2026-10-01 06:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a676-711f-a706-5d4cdb33ba8e	EXPIRED	{}	2026-09-01 05:00:00+00	2026-11-29 12:23:29.480786+00	2026-09-01 05:00:00+00	2026-09-01 06:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a676-757f-b976-2b127da33ace	EXPIRED	{}	2026-08-01 05:00:00+00	2026-11-29 12:23:29.480795+00	2026-08-01 05:00:00+00	2026-08-01 06:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a676-72ee-b65f-f10d856b65d8	EXPIRED	{}	2026-07-01 05:00:00+00	2026-11-29 12:23:29.480815+00	2026-07-01 05:00:00+00	2026-07-01 06:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a676-76fc-9a60-d4307c864805	EXPIRED	{}	2026-06-01 05:00:00+00	2026-11-29 12:23:29.480822+00	2026-06-01 05:00:00+00	2026-06-01 06:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a676-71da-b0c5-92f70ad86405	EXPIRED	{}	2026-05-01 05:00:00+00	2026-11-29 12:23:29.480829+00	2026-05-01 05:00:00+00	2026-05-01 06:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a676-788b-a6ef-b7a00295b48c	EXPIRED	{}	2026-04-01 05:00:00+00	2026-11-29 12:23:29.480836+00	2026-04-01 05:00:00+00	2026-04-01 06:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a676-78db-888f-65f07370733b	EXPIRED	{}	2026-03-01 05:00:00+00	2026-11-29 12:23:29.480843+00	2026-03-01 05:00:00+00	2026-03-01 06:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a676-751e-bb25-d3843fbd0173	EXPIRED	{}	2026-02-01 05:00:00+00	2026-11-29 12:23:29.48085+00	2026-02-01 05:00:00+00	2026-02-01 06:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a676-7c89-bfa0-dd75eb41f4d9	EXPIRED	{}	2026-01-01 05:00:00+00	2026-11-29 12:23:29.480859+00	2026-01-01 05:00:00+00	2026-01-01 06:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a676-7e69-ad25-60f7b7cf5730	EXPIRED	{}	2025-12-01 05:00:00+00	2026-11-29 12:23:29.480866+00	2025-12-01 05:00:00+00	2025-12-01 06:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a676-759a-9022-b1192d17ae5a	EXPIRED	{}	2025-11-01 05:00:00+00	2026-11-29 12:23:29.480873+00	2025-11-01 05:00:00+00	2025-11-01 06:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a676-75b2-accd-2415acf79c8a	EXPIRED	{}	2025-10-01 05:00:00+00	2026-11-29 12:23:29.48088+00	2025-10-01 05:00:00+00	2025-10-01 06:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a676-7b20-aca8-1beb09e1e1bb	EXPIRED	{}	2025-09-01 05:00:00+00	2026-11-29 12:23:29.480887+00	2025-09-01 05:00:00+00	2025-09-01 06:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a676-7894-bc20-32d296f48e27	EXPIRED	{}	2025-08-01 05:00:00+00	2026-11-29 12:23:29.480894+00	2025-08-01 05:00:00+00	2025-08-01 06:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a676-7571-872e-846b7b2dd6d8	EXPIRED	{}	2026-10-01 10:00:00+00	2026-11-29 12:23:29.480902+00	2026-10-01 10:00:00+00	2026-10-01 11:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a676-7354-83eb-eca6f7c5e542	EXPIRED	{}	2026-09-01 10:00:00+00	2026-11-29 12:23:29.480909+00	2026-09-01 10:00:00+00	2026-09-01 11:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a676-7320-9410-539ea178f2ad	EXPIRED	{}	2026-08-01 10:00:00+00	2026-11-29 12:23:29.480916+00	2026-08-01 10:00:00+00	2026-08-01 11:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a676-72d9-9f19-7c11a2fccf04	EXPIRED	{}	2026-07-01 10:00:00+00	2026-11-29 12:23:29.480974+00	2026-07-01 10:00:00+00	2026-07-01 11:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a676-787a-a79f-52205104ebaf	EXPIRED	{}	2026-06-01 10:00:00+00	2026-11-29 12:23:29.480982+00	2026-06-01 10:00:00+00	2026-06-01 11:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a676-71d5-888b-ebf6bed777ba	EXPIRED	{}	2026-05-01 10:00:00+00	2026-11-29 12:23:29.480989+00	2026-05-01 10:00:00+00	2026-05-01 11:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a676-7af2-be61-1cfda9cf79b1	EXPIRED	{}	2026-04-01 10:00:00+00	2026-11-29 12:23:29.480996+00	2026-04-01 10:00:00+00	2026-04-01 11:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a676-7e9d-847e-4109f34a8e3b	EXPIRED	{}	2026-03-01 10:00:00+00	2026-11-29 12:23:29.481006+00	2026-03-01 10:00:00+00	2026-03-01 11:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a676-7fb7-bddf-67830caf0534	EXPIRED	{}	2026-02-01 10:00:00+00	2026-11-29 12:23:29.481013+00	2026-02-01 10:00:00+00	2026-02-01 11:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a676-7324-ac1f-80830cc8ab17	EXPIRED	{}	2026-01-01 10:00:00+00	2026-11-29 12:23:29.481019+00	2026-01-01 10:00:00+00	2026-01-01 11:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a676-78b2-b202-9e6a01d4f210	EXPIRED	{}	2025-12-01 10:00:00+00	2026-11-29 12:23:29.481026+00	2025-12-01 10:00:00+00	2025-12-01 11:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a677-7ffe-841c-a46cc2b4d5f4	EXPIRED	{}	2025-11-01 10:00:00+00	2026-11-29 12:23:29.481034+00	2025-11-01 10:00:00+00	2025-11-01 11:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a677-777a-8d81-9ae081ee111b	EXPIRED	{}	2025-10-01 10:00:00+00	2026-11-29 12:23:29.481042+00	2025-10-01 10:00:00+00	2025-10-01 11:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a677-75c7-a0ea-9484a2eae537	EXPIRED	{}	2025-09-01 10:00:00+00	2026-11-29 12:23:29.48105+00	2025-09-01 10:00:00+00	2025-09-01 11:00:00+00	1	t	t	0.50000000000000000000	\N
01a22742-a677-7394-8506-e51fc39035a3	EXPIRED	{}	2025-08-01 10:00:00+00	2026-11-29 12:23:29.481058+00	2025-08-01 10:00:00+00	2025-08-01 11:00:00+00	1	t	t	0.50000000000000000000	\N
\.


--
-- Data for Name: seen; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.seen (id, status) FROM stdin;
01a22742-a525-761f-8622-b30fefa28d61	RUNNING
01a22742-a526-714e-af1e-ae96cd2739c0	RUNNING
01a22742-a526-7a33-86e9-6ed02f95919a	RUNNING
01a22742-a527-71b7-b183-b8b3b516f21c	RUNNING
01a22742-a52d-760c-999c-4cd3bbff41ea	RUNNING
01a22742-a52d-760c-999c-4cd3bbff41ea	CLOSED
01a22742-a52e-72bc-b492-1f7c12725c96	RUNNING
01a22742-a52e-7a82-b1f9-3d66f67afe7d	RUNNING
01a22742-a52f-72ce-ba9c-6f9efcf89b8f	RUNNING
01a22742-a537-7a7a-862c-3e8414596ba8	RUNNING
01a22742-a538-78ae-b034-80907b807b5c	RUNNING
01a22742-a539-737f-b447-0b0c9eca2db7	RUNNING
01a22742-a539-7bcf-98ba-b0ff41c5d0cb	RUNNING
01a22742-a53b-7540-a773-4ae1f0e64bb0	RUNNING
01a22742-a53b-7e3b-8d7f-377b1ee82e89	RUNNING
01a22742-a53c-763a-b74b-3825afdf39f9	RUNNING
01a22742-a53c-7cbe-9c6d-38574010c353	RUNNING
01a22742-a52e-72bc-b492-1f7c12725c96	CLOSED
01a22742-a52e-7a82-b1f9-3d66f67afe7d	CLOSED
01a22742-a52f-72ce-ba9c-6f9efcf89b8f	CLOSED
01a22742-a537-7a7a-862c-3e8414596ba8	CLOSED
01a22742-a538-78ae-b034-80907b807b5c	CLOSED
01a22742-a539-737f-b447-0b0c9eca2db7	CLOSED
01a22742-a539-7bcf-98ba-b0ff41c5d0cb	CLOSED
01a22742-a53b-7540-a773-4ae1f0e64bb0	EXPIRED
01a22742-a53b-7e3b-8d7f-377b1ee82e89	EXPIRED
01a22742-a53c-763a-b74b-3825afdf39f9	EXPIRED
01a22742-a53c-7cbe-9c6d-38574010c353	EXPIRED
01a22742-a537-7a7a-862c-3e8414596ba8	REWARD_CLAIM
01a22742-a538-78ae-b034-80907b807b5c	REWARD_CLAIM
01a22742-a539-737f-b447-0b0c9eca2db7	REWARD_CLAIM
01a22742-a539-7bcf-98ba-b0ff41c5d0cb	REWARD_CLAIM
01a22742-a549-78b6-9fff-b2b3210e4847	EXPIRED
01a22742-a54b-75bb-9052-d4d455fd67aa	EXPIRED
01a22742-a54c-719f-a927-f0014a1a679c	EXPIRED
\.


--
-- Data for Name: timer_executions; Type: TABLE DATA; Schema: public; Owner: copies_owner
--

COPY public.timer_executions (id, timer_id, status, result, error_message, started_at, completed_at, execution_time_ms) FROM stdin;
01a22742-a55d-764b-8a93-08599731c531	01a22742-a525-73a4-8815-f62506ece786	COMPLETED	{"to": "RUNNING", "from": "CREATED"}	\N	2026-11-29 12:23:28.838587+00	2026-11-29 12:23:28.840055+00	1
01a22742-a55d-7740-8415-0aad27592c74	01a22742-a526-769f-a79d-3396e7b59281	COMPLETED	{"to": "RUNNING", "from": "CREATED"}	\N	2026-11-29 12:23:28.838587+00	2026-11-29 12:23:28.840055+00	1
01a22742-a55d-774a-bd73-611edd3ec06c	01a22742-a526-7d05-b99c-0f6d42275ba8	COMPLETED	{"to": "RUNNING", "from": "CREATED"}	\N	2026-11-29 12:23:28.838587+00	2026-11-29 12:23:28.840055+00	1
01a22742-a55d-7750-96e8-f08e3c90151d	01a22742-a527-708f-b2ad-e04a18fa8523	COMPLETED	{"to": "RUNNING", "from": "CREATED"}	\N	2026-11-29 12:23:28.838587+00	2026-11-29 12:23:28.840055+00	1
01a22742-a55d-7754-84c2-8fea7cf682e8	01a22742-a52d-7d2e-b720-bab1e1f7d649	COMPLETED	{"to": "RUNNING", "from": "CREATED"}	\N	2026-11-29 12:23:28.838587+00	2026-11-29 12:23:28.840055+00	1
01a22742-a560-75a2-845c-65eedd134551	01a22742-a52d-799a-8e00-10fbb613b3e5	COMPLETED	{"to": "CLOSED", "from": "RUNNING"}	\N	2026-11-29 12:23:28.863294+00	2026-11-29 12:23:28.863794+00	1
01a22742-a569-7fd4-bd5b-3b9d55e047b1	01a22742-a52e-73c2-abe0-4065668bc9c5	COMPLETED	{"to": "RUNNING", "from": "CREATED"}	\N	2026-11-29 12:23:28.857998+00	2026-11-29 12:23:28.864101+00	2
01a22742-a56a-725b-b247-7aff9d6bcf64	01a22742-a52e-7f2e-8eb1-54cd356f4ef4	COMPLETED	{"to": "RUNNING", "from": "CREATED"}	\N	2026-11-29 12:23:28.857998+00	2026-11-29 12:23:28.864101+00	2
01a22742-a56a-7265-9978-c44e8432459e	01a22742-a52f-7cda-b8a7-57f765073d15	COMPLETED	{"to": "RUNNING", "from": "CREATED"}	\N	2026-11-29 12:23:28.857998+00	2026-11-29 12:23:28.864101+00	2
01a22742-a56a-726d-83ed-e9374fe080be	01a22742-a538-7302-8e0f-be3e5bc164dd	COMPLETED	{"to": "RUNNING", "from": "CREATED"}	\N	2026-11-29 12:23:28.857998+00	2026-11-29 12:23:28.864101+00	2
01a22742-a570-7cd0-b368-328adaf6de4b	01a22742-a538-742d-89e0-4deacf3fc25a	COMPLETED	{"to": "RUNNING", "from": "CREATED"}	\N	2026-11-29 12:23:28.857998+00	2026-11-29 12:23:28.859965+00	1
01a22742-a570-7d30-b88f-7e951d263e67	01a22742-a539-7ac1-aae0-faf5d27cac7d	COMPLETED	{"to": "RUNNING", "from": "CREATED"}	\N	2026-11-29 12:23:28.857998+00	2026-11-29 12:23:28.859965+00	1
01a22742-a570-7d38-8669-adf764583f22	01a22742-a539-7b73-b92d-eb5fb23acbb8	COMPLETED	{"to": "RUNNING", "from": "CREATED"}	\N	2026-11-29 12:23:28.857998+00	2026-11-29 12:23:28.859965+00	1
01a22742-a570-7d3d-bd94-16c9ff4c97ee	01a22742-a53b-7abe-9b1a-cda6af40cf15	COMPLETED	{"to": "RUNNING", "from": "CREATED"}	\N	2026-11-29 12:23:28.857998+00	2026-11-29 12:23:28.859965+00	1
01a22742-a572-70db-b622-59cb17e848eb	01a22742-a53c-7964-b1a2-2cc0184813cd	COMPLETED	{"to": "RUNNING", "from": "CREATED"}	\N	2026-11-29 12:23:28.857998+00	2026-11-29 12:23:28.858235+00	0
01a22742-a572-7813-aed7-e8217c9e4e44	01a22742-a53c-75b6-a4a6-ad48287761ab	COMPLETED	{"to": "RUNNING", "from": "CREATED"}	\N	2026-11-29 12:23:28.857998+00	2026-11-29 12:23:28.85819+00	0
01a22742-a572-7ebb-b76c-c896fbc1c3cc	01a22742-a53d-7c30-a9b9-0b1d3a99b3c2	COMPLETED	{"to": "RUNNING", "from": "CREATED"}	\N	2026-11-29 12:23:28.857998+00	2026-11-29 12:23:28.858185+00	0
01a22742-a575-7911-8854-e5032287403f	01a22742-a541-7e6b-a88d-893a42f30f57	FAILED	\N	P0001: refused	2026-11-29 12:23:28.857998+00	2026-11-29 12:23:28.857998+00	0
01a22742-a576-7587-9a3c-8c92c7601641	01a22742-a543-7e7b-8d03-8f4b621120f0	FAILED	\N	P0001: refused	2026-11-29 12:23:28.857998+00	2026-11-29 12:23:28.857998+00	0
01a22742-a577-7cbc-9901-c1c9789531fa	01a22742-a544-722b-81f8-116c127b99ac	FAILED	\N	P0001: refused	2026-11-29 12:23:28.857998+00	2026-11-29 12:23:28.857998+00	0
01a22742-a579-713a-b729-be803b460778	01a22742-a52e-7a49-bbb8-a7d141e70ab3	COMPLETED	{"to": "CLOSED", "from": "RUNNING"}	\N	2026-11-29 12:23:28.857998+00	2026-11-29 12:23:28.858736+00	0
01a22742-a579-715c-a953-9f89f124dc5e	01a22742-a52e-7fb8-bd54-150c2609a1bc	COMPLETED	{"to": "CLOSED", "from": "RUNNING"}	\N	2026-11-29 12:23:28.857998+00	2026-11-29 12:23:28.858736+00	0
01a22742-a579-7162-b7bc-e5b02dda2bf8	01a22742-a52f-7b7c-8ffd-3aeac4d0ff16	COMPLETED	{"to": "CLOSED", "from": "RUNNING"}	\N	2026-11-29 12:23:28.857998+00	2026-11-29 12:23:28.858736+00	0
01a22742-a579-7166-b884-8d3f592179f7	01a22742-a538-7c39-8073-7e98646d9b49	COMPLETED	{"to": "CLOSED", "from": "RUNNING"}	\N	2026-11-29 12:23:28.857998+00	2026-11-29 12:23:28.858736+00	0
01a22742-a579-716b-a921-472c937d4db9	01a22742-a538-7412-95e3-dc34680c201c	COMPLETED	{"to": "CLOSED", "from": "RUNNING"}	\N	2026-11-29 12:23:28.857998+00	2026-11-29 12:23:28.858736+00	0
01a22742-a579-716f-a602-34df6037412f	01a22742-a539-7f9e-ab29-f3179883d911	COMPLETED	{"to": "CLOSED", "from": "RUNNING"}	\N	2026-11-29 12:23:28.857998+00	2026-11-29 12:23:28.858736+00	0
01a22742-a579-7173-a445-64bf3d2338b3	01a22742-a53a-7610-9647-f59ab3063656	COMPLETED	{"to": "CLOSED", "from": "RUNNING"}	\N	2026-11-29 12:23:28.857998+00	2026-11-29 12:23:28.858736+00	0
01a22742-a579-7177-8b30-1a63d833e320	01a22742-a53b-7734-88d8-8b3e891bf329	COMPLETED	{"to": "EXPIRED", "from": "RUNNING"}	\N	2026-11-29 12:23:28.857998+00	2026-11-29 12:23:28.858736+00	0
01a22742-a579-717b-b536-b101921f1e3e	01a22742-a53c-754c-8b37-917276347c48	COMPLETED	{"to": "EXPIRED", "from": "RUNNING"}	\N	2026-11-29 12:23:28.857998+00	2026-11-29 12:23:28.858736+00	0
01a22742-a579-717f-86d1-496bcf06976f	01a22742-a53c-7a42-9cb3-d5a6076f716d	COMPLETED	{"to": "EXPIRED", "from": "RUNNING"}	\N	2026-11-29 12:23:28.857998+00	2026-11-29 12:23:28.858736+00	0
01a22742-a579-7183-bd4f-edafd11f2c5a	01a22742-a53e-760b-bf1f-fdadef56b9d3	COMPLETED	{"to": "EXPIRED", "from": "RUNNING"}	\N	2026-11-29 12:23:28.857998+00	2026-11-29 12:23:28.858736+00	0
01a22742-a5de-775e-9167-6f7ea45cd348	01a22742-a541-7e6b-a88d-893a42f30f57	FAILED	\N	P0001: refused	2026-11-29 12:23:28.982144+00	2026-11-29 12:23:28.982144+00	0
01a22742-a5e0-7c8a-9ed0-d84edb450710	01a22742-a543-7e7b-8d03-8f4b621120f0	FAILED	\N	P0001: refused	2026-11-29 12:23:28.982144+00	2026-11-29 12:23:28.982144+00	0
01a22742-a60b-7ed3-981b-cb89747c92c1	01a22742-a541-7e6b-a88d-893a42f30f57	FAILED	\N	P0001: refused	2026-11-29 12:23:29.032514+00	2026-11-29 12:23:29.032514+00	0
01a22742-a60b-761e-9388-7f14e9365165	01a22742-a543-7e7b-8d03-8f4b621120f0	FAILED	\N	P0001: refused	2026-11-29 12:23:29.032514+00	2026-11-29 12:23:29.032514+00	0
01a22742-a630-7bd4-91c7-0ee0bf8ca52f	01a22742-a541-7e6b-a88d-893a42f30f57	FAILED	\N	P0001: refused	2026-11-29 12:23:29.071365+00	2026-11-29 12:23:29.071365+00	0
01a22742-a632-7899-aabf-a19f8ec2eb66	01a22742-a543-7e7b-8d03-8f4b621120f0	FAILED	\N	P0001: refused	2026-11-29 12:23:29.071365+00	2026-11-29 12:23:29.071365+00	0
01a22742-a654-7646-ae18-4e03369b4969	01a22742-a541-7e6b-a88d-893a42f30f57	FAILED	\N	P0001: refused	2026-11-29 12:23:29.107119+00	2026-11-29 12:23:29.107119+00	0
01a22742-a654-7560-93be-4ee2697af552	01a22742-a543-7e7b-8d03-8f4b621120f0	FAILED	\N	P0001: refused	2026-11-29 12:23:29.107119+00	2026-11-29 12:23:29.107119+00	0
\.


--
-- Name: campaign_backfills campaign_backfills_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_backfills
    ADD CONSTRAINT campaign_backfills_pkey PRIMARY KEY (relation, column_name);


--
-- Name: campaign_maintenance_jobs campaign_maintenance_jobs_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_maintenance_jobs
    ADD CONSTRAINT campaign_maintenance_jobs_pkey PRIMARY KEY (job);


--
-- Name: campaign_metrics campaign_metrics_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_metrics
    ADD CONSTRAINT campaign_metrics_pkey PRIMARY KEY (id);


--
-- Name: campaign_state_log_archive campaign_state_log_archive_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log_archive
    ADD CONSTRAINT campaign_state_log_archive_pkey PRIMARY KEY (id, created_at);


--
-- Name: campaign_state_log_archive_default campaign_state_log_archive_default_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log_archive_default
    ADD CONSTRAINT campaign_state_log_archive_default_pkey PRIMARY KEY (id, created_at);


--
-- Name: campaign_state_log campaign_state_log_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log
    ADD CONSTRAINT campaign_state_log_pkey PRIMARY KEY (id, created_at);


--
-- Name: campaign_state_log_default campaign_state_log_default_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log_default
    ADD CONSTRAINT campaign_state_log_default_pkey PRIMARY KEY (id, created_at);


--
-- Name: campaign_state_log_archive_y2025m08 campaign_state_log_y2025m08_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log_archive_y2025m08
    ADD CONSTRAINT campaign_state_log_y2025m08_pkey PRIMARY KEY (id, created_at);


--
-- Name: campaign_state_log_archive_y2025m09 campaign_state_log_y2025m09_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log_archive_y2025m09
    ADD CONSTRAINT campaign_state_log_y2025m09_pkey PRIMARY KEY (id, created_at);


--
-- Name: campaign_state_log_archive_y2025m10 campaign_state_log_y2025m10_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log_archive_y2025m10
    ADD CONSTRAINT campaign_state_log_y2025m10_pkey PRIMARY KEY (id, created_at);


--
-- Name: campaign_state_log_y2025m11 campaign_state_log_y2025m11_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log_y2025m11
    ADD CONSTRAINT campaign_state_log_y2025m11_pkey PRIMARY KEY (id, created_at);


--
-- Name: campaign_state_log_y2025m12 campaign_state_log_y2025m12_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log_y2025m12
    ADD CONSTRAINT campaign_state_log_y2025m12_pkey PRIMARY KEY (id, created_at);


--
-- Name: campaign_state_log_y2026m01 campaign_state_log_y2026m01_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log_y2026m01
    ADD CONSTRAINT campaign_state_log_y2026m01_pkey PRIMARY KEY (id, created_at);


--
-- Name: campaign_state_log_y2026m02 campaign_state_log_y2026m02_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log_y2026m02
    ADD CONSTRAINT campaign_state_log_y2026m02_pkey PRIMARY KEY (id, created_at);


--
-- Name: campaign_state_log_y2026m03 campaign_state_log_y2026m03_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log_y2026m03
    ADD CONSTRAINT campaign_state_log_y2026m03_pkey PRIMARY KEY (id, created_at);


--
-- Name: campaign_state_log_y2026m04 campaign_state_log_y2026m04_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log_y2026m04
    ADD CONSTRAINT campaign_state_log_y2026m04_pkey PRIMARY KEY (id, created_at);


--
-- Name: campaign_state_log_y2026m05 campaign_state_log_y2026m05_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log_y2026m05
    ADD CONSTRAINT campaign_state_log_y2026m05_pkey PRIMARY KEY (id, created_at);


--
-- Name: campaign_state_log_y2026m06 campaign_state_log_y2026m06_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log_y2026m06
    ADD CONSTRAINT campaign_state_log_y2026m06_pkey PRIMARY KEY (id, created_at);


--
-- Name: campaign_state_log_y2026m07 campaign_state_log_y2026m07_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log_y2026m07
    ADD CONSTRAINT campaign_state_log_y2026m07_pkey PRIMARY KEY (id, created_at);


--
-- Name: campaign_state_log_y2026m08 campaign_state_log_y2026m08_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log_y2026m08
    ADD CONSTRAINT campaign_state_log_y2026m08_pkey PRIMARY KEY (id, created_at);


--
-- Name: campaign_state_log_y2026m09 campaign_state_log_y2026m09_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log_y2026m09
    ADD CONSTRAINT campaign_state_log_y2026m09_pkey PRIMARY KEY (id, created_at);


--
-- Name: campaign_state_log_y2026m10 campaign_state_log_y2026m10_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log_y2026m10
    ADD CONSTRAINT campaign_state_log_y2026m10_pkey PRIMARY KEY (id, created_at);


--
-- Name: campaign_state_log_y2026m11 campaign_state_log_y2026m11_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log_y2026m11
    ADD CONSTRAINT campaign_state_log_y2026m11_pkey PRIMARY KEY (id, created_at);


--
-- Name: campaign_state_log_y2026m12 campaign_state_log_y2026m12_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log_y2026m12
    ADD CONSTRAINT campaign_state_log_y2026m12_pkey PRIMARY KEY (id, created_at);


--
-- Name: campaign_state_log_y2027m01 campaign_state_log_y2027m01_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log_y2027m01
    ADD CONSTRAINT campaign_state_log_y2027m01_pkey PRIMARY KEY (id, created_at);


--
-- Name: campaign_state_log_y2027m02 campaign_state_log_y2027m02_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_log_y2027m02
    ADD CONSTRAINT campaign_state_log_y2027m02_pkey PRIMARY KEY (id, created_at);


--
-- Name: campaign_state_transitions campaign_state_transitions_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_transitions
    ADD CONSTRAINT campaign_state_transitions_pkey PRIMARY KEY (from_state, to_state);


--
-- Name: campaign_timer_handlers campaign_timer_handlers_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_timer_handlers
    ADD CONSTRAINT campaign_timer_handlers_pkey PRIMARY KEY (timer_type);


--
-- Name: campaign_timer_policies campaign_timer_policies_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_timer_policies
    ADD CONSTRAINT campaign_timer_policies_pkey PRIMARY KEY (state, timer_type);


--
-- Name: campaign_timers campaign_timers_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_timers
    ADD CONSTRAINT campaign_timers_pkey PRIMARY KEY (id);


--
-- Name: campaigns campaigns_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaigns
    ADD CONSTRAINT campaigns_pkey PRIMARY KEY (id);


--
-- Name: timer_executions timer_executions_pkey; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.timer_executions
    ADD CONSTRAINT timer_executions_pkey PRIMARY KEY (id);


--
-- Name: campaign_state_transitions unique_timer_per_from_state; Type: CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_state_transitions
    ADD CONSTRAINT unique_timer_per_from_state UNIQUE (from_state, timer_type);


--
-- Name: idx_campaign_state_log_archive_campaign_id; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX idx_campaign_state_log_archive_campaign_id ON ONLY public.campaign_state_log_archive USING btree (campaign_id);


--
-- Name: campaign_state_log_archive_default_campaign_id_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_archive_default_campaign_id_idx ON public.campaign_state_log_archive_default USING btree (campaign_id);


--
-- Name: idx_campaign_state_log_archive_created_at; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX idx_campaign_state_log_archive_created_at ON ONLY public.campaign_state_log_archive USING btree (created_at);


--
-- Name: campaign_state_log_archive_default_created_at_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_archive_default_created_at_idx ON public.campaign_state_log_archive_default USING btree (created_at);


--
-- Name: idx_campaign_state_log_archive_trigger_event; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX idx_campaign_state_log_archive_trigger_event ON ONLY public.campaign_state_log_archive USING btree (trigger_event);


--
-- Name: campaign_state_log_archive_default_trigger_event_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_archive_default_trigger_event_idx ON public.campaign_state_log_archive_default USING btree (trigger_event);


--
-- Name: idx_campaign_state_log_campaign_id; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX idx_campaign_state_log_campaign_id ON ONLY public.campaign_state_log USING btree (campaign_id);


--
-- Name: campaign_state_log_default_campaign_id_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_default_campaign_id_idx ON public.campaign_state_log_default USING btree (campaign_id);


--
-- Name: idx_campaign_state_log_created_at; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX idx_campaign_state_log_created_at ON ONLY public.campaign_state_log USING btree (created_at);


--
-- Name: campaign_state_log_default_created_at_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_default_created_at_idx ON public.campaign_state_log_default USING btree (created_at);


--
-- Name: idx_campaign_state_log_trigger_event; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX idx_campaign_state_log_trigger_event ON ONLY public.campaign_state_log USING btree (trigger_event);


--
-- Name: campaign_state_log_default_trigger_event_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_default_trigger_event_idx ON public.campaign_state_log_default USING btree (trigger_event);


--
-- Name: campaign_state_log_y2025m08_campaign_id_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2025m08_campaign_id_idx ON public.campaign_state_log_archive_y2025m08 USING btree (campaign_id);


--
-- Name: campaign_state_log_y2025m08_created_at_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2025m08_created_at_idx ON public.campaign_state_log_archive_y2025m08 USING btree (created_at);


--
-- Name: campaign_state_log_y2025m08_trigger_event_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2025m08_trigger_event_idx ON public.campaign_state_log_archive_y2025m08 USING btree (trigger_event);


--
-- Name: campaign_state_log_y2025m09_campaign_id_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2025m09_campaign_id_idx ON public.campaign_state_log_archive_y2025m09 USING btree (campaign_id);


--
-- Name: campaign_state_log_y2025m09_created_at_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2025m09_created_at_idx ON public.campaign_state_log_archive_y2025m09 USING btree (created_at);


--
-- Name: campaign_state_log_y2025m09_trigger_event_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2025m09_trigger_event_idx ON public.campaign_state_log_archive_y2025m09 USING btree (trigger_event);


--
-- Name: campaign_state_log_y2025m10_campaign_id_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2025m10_campaign_id_idx ON public.campaign_state_log_archive_y2025m10 USING btree (campaign_id);


--
-- Name: campaign_state_log_y2025m10_created_at_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2025m10_created_at_idx ON public.campaign_state_log_archive_y2025m10 USING btree (created_at);


--
-- Name: campaign_state_log_y2025m10_trigger_event_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2025m10_trigger_event_idx ON public.campaign_state_log_archive_y2025m10 USING btree (trigger_event);


--
-- Name: campaign_state_log_y2025m11_campaign_id_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2025m11_campaign_id_idx ON public.campaign_state_log_y2025m11 USING btree (campaign_id);


--
-- Name: campaign_state_log_y2025m11_created_at_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2025m11_created_at_idx ON public.campaign_state_log_y2025m11 USING btree (created_at);


--
-- Name: campaign_state_log_y2025m11_trigger_event_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2025m11_trigger_event_idx ON public.campaign_state_log_y2025m11 USING btree (trigger_event);


--
-- Name: campaign_state_log_y2025m12_campaign_id_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2025m12_campaign_id_idx ON public.campaign_state_log_y2025m12 USING btree (campaign_id);


--
-- Name: campaign_state_log_y2025m12_created_at_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2025m12_created_at_idx ON public.campaign_state_log_y2025m12 USING btree (created_at);


--
-- Name: campaign_state_log_y2025m12_trigger_event_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2025m12_trigger_event_idx ON public.campaign_state_log_y2025m12 USING btree (trigger_event);


--
-- Name: campaign_state_log_y2026m01_campaign_id_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m01_campaign_id_idx ON public.campaign_state_log_y2026m01 USING btree (campaign_id);


--
-- Name: campaign_state_log_y2026m01_created_at_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m01_created_at_idx ON public.campaign_state_log_y2026m01 USING btree (created_at);


--
-- Name: campaign_state_log_y2026m01_trigger_event_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m01_trigger_event_idx ON public.campaign_state_log_y2026m01 USING btree (trigger_event);


--
-- Name: campaign_state_log_y2026m02_campaign_id_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m02_campaign_id_idx ON public.campaign_state_log_y2026m02 USING btree (campaign_id);


--
-- Name: campaign_state_log_y2026m02_created_at_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m02_created_at_idx ON public.campaign_state_log_y2026m02 USING btree (created_at);


--
-- Name: campaign_state_log_y2026m02_trigger_event_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m02_trigger_event_idx ON public.campaign_state_log_y2026m02 USING btree (trigger_event);


--
-- Name: campaign_state_log_y2026m03_campaign_id_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m03_campaign_id_idx ON public.campaign_state_log_y2026m03 USING btree (campaign_id);


--
-- Name: campaign_state_log_y2026m03_created_at_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m03_created_at_idx ON public.campaign_state_log_y2026m03 USING btree (created_at);


--
-- Name: campaign_state_log_y2026m03_trigger_event_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m03_trigger_event_idx ON public.campaign_state_log_y2026m03 USING btree (trigger_event);


--
-- Name: campaign_state_log_y2026m04_campaign_id_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m04_campaign_id_idx ON public.campaign_state_log_y2026m04 USING btree (campaign_id);


--
-- Name: campaign_state_log_y2026m04_created_at_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m04_created_at_idx ON public.campaign_state_log_y2026m04 USING btree (created_at);


--
-- Name: campaign_state_log_y2026m04_trigger_event_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m04_trigger_event_idx ON public.campaign_state_log_y2026m04 USING btree (trigger_event);


--
-- Name: campaign_state_log_y2026m05_campaign_id_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m05_campaign_id_idx ON public.campaign_state_log_y2026m05 USING btree (campaign_id);


--
-- Name: campaign_state_log_y2026m05_created_at_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m05_created_at_idx ON public.campaign_state_log_y2026m05 USING btree (created_at);


--
-- Name: campaign_state_log_y2026m05_trigger_event_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m05_trigger_event_idx ON public.campaign_state_log_y2026m05 USING btree (trigger_event);


--
-- Name: campaign_state_log_y2026m06_campaign_id_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m06_campaign_id_idx ON public.campaign_state_log_y2026m06 USING btree (campaign_id);


--
-- Name: campaign_state_log_y2026m06_created_at_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m06_created_at_idx ON public.campaign_state_log_y2026m06 USING btree (created_at);


--
-- Name: campaign_state_log_y2026m06_trigger_event_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m06_trigger_event_idx ON public.campaign_state_log_y2026m06 USING btree (trigger_event);


--
-- Name: campaign_state_log_y2026m07_campaign_id_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m07_campaign_id_idx ON public.campaign_state_log_y2026m07 USING btree (campaign_id);


--
-- Name: campaign_state_log_y2026m07_created_at_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m07_created_at_idx ON public.campaign_state_log_y2026m07 USING btree (created_at);


--
-- Name: campaign_state_log_y2026m07_trigger_event_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m07_trigger_event_idx ON public.campaign_state_log_y2026m07 USING btree (trigger_event);


--
-- Name: campaign_state_log_y2026m08_campaign_id_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m08_campaign_id_idx ON public.campaign_state_log_y2026m08 USING btree (campaign_id);


--
-- Name: campaign_state_log_y2026m08_created_at_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m08_created_at_idx ON public.campaign_state_log_y2026m08 USING btree (created_at);


--
-- Name: campaign_state_log_y2026m08_trigger_event_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m08_trigger_event_idx ON public.campaign_state_log_y2026m08 USING btree (trigger_event);


--
-- Name: campaign_state_log_y2026m09_campaign_id_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m09_campaign_id_idx ON public.campaign_state_log_y2026m09 USING btree (campaign_id);


--
-- Name: campaign_state_log_y2026m09_created_at_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m09_created_at_idx ON public.campaign_state_log_y2026m09 USING btree (created_at);


--
-- Name: campaign_state_log_y2026m09_trigger_event_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m09_trigger_event_idx ON public.campaign_state_log_y2026m09 USING btree (trigger_event);


--
-- Name: campaign_state_log_y2026m10_campaign_id_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m10_campaign_id_idx ON public.campaign_state_log_y2026m10 USING btree (campaign_id);


--
-- Name: campaign_state_log_y2026m10_created_at_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m10_created_at_idx ON public.campaign_state_log_y2026m10 USING btree (created_at);


--
-- Name: campaign_state_log_y2026m10_trigger_event_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m10_trigger_event_idx ON public.campaign_state_log_y2026m10 USING btree (trigger_event);


--
-- Name: campaign_state_log_y2026m11_campaign_id_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m11_campaign_id_idx ON public.campaign_state_log_y2026m11 USING btree (campaign_id);


--
-- Name: campaign_state_log_y2026m11_created_at_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m11_created_at_idx ON public.campaign_state_log_y2026m11 USING btree (created_at);


--
-- Name: campaign_state_log_y2026m11_trigger_event_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m11_trigger_event_idx ON public.campaign_state_log_y2026m11 USING btree (trigger_event);


--
-- Name: campaign_state_log_y2026m12_campaign_id_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m12_campaign_id_idx ON public.campaign_state_log_y2026m12 USING btree (campaign_id);


--
-- Name: campaign_state_log_y2026m12_created_at_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m12_created_at_idx ON public.campaign_state_log_y2026m12 USING btree (created_at);


--
-- Name: campaign_state_log_y2026m12_trigger_event_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2026m12_trigger_event_idx ON public.campaign_state_log_y2026m12 USING btree (trigger_event);


--
-- Name: campaign_state_log_y2027m01_campaign_id_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2027m01_campaign_id_idx ON public.campaign_state_log_y2027m01 USING btree (campaign_id);


--
-- Name: campaign_state_log_y2027m01_created_at_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2027m01_created_at_idx ON public.campaign_state_log_y2027m01 USING btree (created_at);


--
-- Name: campaign_state_log_y2027m01_trigger_event_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2027m01_trigger_event_idx ON public.campaign_state_log_y2027m01 USING btree (trigger_event);


--
-- Name: campaign_state_log_y2027m02_campaign_id_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2027m02_campaign_id_idx ON public.campaign_state_log_y2027m02 USING btree (campaign_id);


--
-- Name: campaign_state_log_y2027m02_created_at_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2027m02_created_at_idx ON public.campaign_state_log_y2027m02 USING btree (created_at);


--
-- Name: campaign_state_log_y2027m02_trigger_event_idx; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaign_state_log_y2027m02_trigger_event_idx ON public.campaign_state_log_y2027m02 USING btree (trigger_event);


--
-- Name: campaigns_by_budget; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX campaigns_by_budget ON public.campaigns USING btree (budget) WHERE (budget > (1)::numeric);


--
-- Name: idx_campaign_metrics_analytics; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX idx_campaign_metrics_analytics ON public.campaign_metrics USING btree (campaign_id, metric_type, recorded_at);


--
-- Name: idx_campaign_metrics_campaign_id; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX idx_campaign_metrics_campaign_id ON public.campaign_metrics USING btree (campaign_id);


--
-- Name: idx_campaign_metrics_recorded_at; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX idx_campaign_metrics_recorded_at ON public.campaign_metrics USING btree (recorded_at);


--
-- Name: idx_campaign_metrics_type; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX idx_campaign_metrics_type ON public.campaign_metrics USING btree (metric_type);


--
-- Name: idx_campaign_timers_campaign_id; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX idx_campaign_timers_campaign_id ON public.campaign_timers USING btree (campaign_id);


--
-- Name: idx_campaign_timers_processing; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX idx_campaign_timers_processing ON public.campaign_timers USING btree (status, scheduled_at) WHERE ((status)::text = ANY ((ARRAY['PENDING'::character varying, 'FAILED'::character varying])::text[]));


--
-- Name: idx_campaign_timers_retry; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX idx_campaign_timers_retry ON public.campaign_timers USING btree (scheduled_at, retry_count) WHERE (((status)::text = 'FAILED'::text) AND (retry_count < 5));


--
-- Name: INDEX idx_campaign_timers_retry; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON INDEX public.idx_campaign_timers_retry IS 'By which the claim finds failed timers that have attempts left, and no dead ones.';


--
-- Name: idx_campaign_timers_scheduled_at; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX idx_campaign_timers_scheduled_at ON public.campaign_timers USING btree (scheduled_at);


--
-- Name: idx_campaign_timers_status; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX idx_campaign_timers_status ON public.campaign_timers USING btree (status);


--
-- Name: idx_campaign_timers_timer_type; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX idx_campaign_timers_timer_type ON public.campaign_timers USING btree (timer_type);


--
-- Name: idx_campaigns_created_at; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX idx_campaigns_created_at ON public.campaigns USING btree (created_at);


--
-- Name: idx_campaigns_end_time; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX idx_campaigns_end_time ON public.campaigns USING btree (end_time);


--
-- Name: idx_campaigns_start_time; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX idx_campaigns_start_time ON public.campaigns USING btree (start_time);


--
-- Name: idx_campaigns_status; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX idx_campaigns_status ON public.campaigns USING btree (status);


--
-- Name: idx_mv_active_campaigns_status; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE UNIQUE INDEX idx_mv_active_campaigns_status ON public.mv_active_campaigns USING btree (status);


--
-- Name: idx_mv_pending_timers_timer_type; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE UNIQUE INDEX idx_mv_pending_timers_timer_type ON public.mv_pending_timers USING btree (timer_type);


--
-- Name: idx_timer_executions_completed_at; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX idx_timer_executions_completed_at ON public.timer_executions USING btree (completed_at) WHERE ((status)::text = 'COMPLETED'::text);


--
-- Name: INDEX idx_timer_executions_completed_at; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON INDEX public.idx_timer_executions_completed_at IS 'By which the cleanup finds the oldest, without passing the failed ones that stay.';


--
-- Name: idx_timer_executions_started_at; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX idx_timer_executions_started_at ON public.timer_executions USING btree (started_at);


--
-- Name: idx_timer_executions_status; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX idx_timer_executions_status ON public.timer_executions USING btree (status);


--
-- Name: idx_timer_executions_timer_id; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE INDEX idx_timer_executions_timer_id ON public.timer_executions USING btree (timer_id);


--
-- Name: unique_active_timer_per_type; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE UNIQUE INDEX unique_active_timer_per_type ON public.campaign_timers USING btree (campaign_id, timer_type) WHERE ((status)::text = ANY ((ARRAY['PENDING'::character varying, 'RUNNING'::character varying])::text[]));


--
-- Name: unique_waiting_timer_per_type; Type: INDEX; Schema: public; Owner: copies_owner
--

CREATE UNIQUE INDEX unique_waiting_timer_per_type ON public.campaign_timers USING btree (campaign_id, timer_type) WHERE (((status)::text = ANY ((ARRAY['PENDING'::character varying, 'RUNNING'::character varying])::text[])) OR (((status)::text = 'FAILED'::text) AND (retry_count < 5)));


--
-- Name: INDEX unique_waiting_timer_per_type; Type: COMMENT; Schema: public; Owner: copies_owner
--

COMMENT ON INDEX public.unique_waiting_timer_per_type IS 'One timer of a type waits at a time, those that wait for their next attempt included.';


--
-- Name: campaign_state_log_archive_default_campaign_id_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_archive_campaign_id ATTACH PARTITION public.campaign_state_log_archive_default_campaign_id_idx;


--
-- Name: campaign_state_log_archive_default_created_at_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_archive_created_at ATTACH PARTITION public.campaign_state_log_archive_default_created_at_idx;


--
-- Name: campaign_state_log_archive_default_pkey; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.campaign_state_log_archive_pkey ATTACH PARTITION public.campaign_state_log_archive_default_pkey;


--
-- Name: campaign_state_log_archive_default_trigger_event_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_archive_trigger_event ATTACH PARTITION public.campaign_state_log_archive_default_trigger_event_idx;


--
-- Name: campaign_state_log_default_campaign_id_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_campaign_id ATTACH PARTITION public.campaign_state_log_default_campaign_id_idx;


--
-- Name: campaign_state_log_default_created_at_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_created_at ATTACH PARTITION public.campaign_state_log_default_created_at_idx;


--
-- Name: campaign_state_log_default_pkey; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.campaign_state_log_pkey ATTACH PARTITION public.campaign_state_log_default_pkey;


--
-- Name: campaign_state_log_default_trigger_event_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_trigger_event ATTACH PARTITION public.campaign_state_log_default_trigger_event_idx;


--
-- Name: campaign_state_log_y2025m08_campaign_id_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_archive_campaign_id ATTACH PARTITION public.campaign_state_log_y2025m08_campaign_id_idx;


--
-- Name: campaign_state_log_y2025m08_created_at_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_archive_created_at ATTACH PARTITION public.campaign_state_log_y2025m08_created_at_idx;


--
-- Name: campaign_state_log_y2025m08_pkey; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.campaign_state_log_archive_pkey ATTACH PARTITION public.campaign_state_log_y2025m08_pkey;


--
-- Name: campaign_state_log_y2025m08_trigger_event_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_archive_trigger_event ATTACH PARTITION public.campaign_state_log_y2025m08_trigger_event_idx;


--
-- Name: campaign_state_log_y2025m09_campaign_id_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_archive_campaign_id ATTACH PARTITION public.campaign_state_log_y2025m09_campaign_id_idx;


--
-- Name: campaign_state_log_y2025m09_created_at_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_archive_created_at ATTACH PARTITION public.campaign_state_log_y2025m09_created_at_idx;


--
-- Name: campaign_state_log_y2025m09_pkey; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.campaign_state_log_archive_pkey ATTACH PARTITION public.campaign_state_log_y2025m09_pkey;


--
-- Name: campaign_state_log_y2025m09_trigger_event_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_archive_trigger_event ATTACH PARTITION public.campaign_state_log_y2025m09_trigger_event_idx;


--
-- Name: campaign_state_log_y2025m10_campaign_id_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_archive_campaign_id ATTACH PARTITION public.campaign_state_log_y2025m10_campaign_id_idx;


--
-- Name: campaign_state_log_y2025m10_created_at_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_archive_created_at ATTACH PARTITION public.campaign_state_log_y2025m10_created_at_idx;


--
-- Name: campaign_state_log_y2025m10_pkey; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.campaign_state_log_archive_pkey ATTACH PARTITION public.campaign_state_log_y2025m10_pkey;


--
-- Name: campaign_state_log_y2025m10_trigger_event_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_archive_trigger_event ATTACH PARTITION public.campaign_state_log_y2025m10_trigger_event_idx;


--
-- Name: campaign_state_log_y2025m11_campaign_id_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_campaign_id ATTACH PARTITION public.campaign_state_log_y2025m11_campaign_id_idx;


--
-- Name: campaign_state_log_y2025m11_created_at_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_created_at ATTACH PARTITION public.campaign_state_log_y2025m11_created_at_idx;


--
-- Name: campaign_state_log_y2025m11_pkey; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.campaign_state_log_pkey ATTACH PARTITION public.campaign_state_log_y2025m11_pkey;


--
-- Name: campaign_state_log_y2025m11_trigger_event_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_trigger_event ATTACH PARTITION public.campaign_state_log_y2025m11_trigger_event_idx;


--
-- Name: campaign_state_log_y2025m12_campaign_id_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_campaign_id ATTACH PARTITION public.campaign_state_log_y2025m12_campaign_id_idx;


--
-- Name: campaign_state_log_y2025m12_created_at_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_created_at ATTACH PARTITION public.campaign_state_log_y2025m12_created_at_idx;


--
-- Name: campaign_state_log_y2025m12_pkey; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.campaign_state_log_pkey ATTACH PARTITION public.campaign_state_log_y2025m12_pkey;


--
-- Name: campaign_state_log_y2025m12_trigger_event_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_trigger_event ATTACH PARTITION public.campaign_state_log_y2025m12_trigger_event_idx;


--
-- Name: campaign_state_log_y2026m01_campaign_id_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_campaign_id ATTACH PARTITION public.campaign_state_log_y2026m01_campaign_id_idx;


--
-- Name: campaign_state_log_y2026m01_created_at_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_created_at ATTACH PARTITION public.campaign_state_log_y2026m01_created_at_idx;


--
-- Name: campaign_state_log_y2026m01_pkey; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.campaign_state_log_pkey ATTACH PARTITION public.campaign_state_log_y2026m01_pkey;


--
-- Name: campaign_state_log_y2026m01_trigger_event_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_trigger_event ATTACH PARTITION public.campaign_state_log_y2026m01_trigger_event_idx;


--
-- Name: campaign_state_log_y2026m02_campaign_id_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_campaign_id ATTACH PARTITION public.campaign_state_log_y2026m02_campaign_id_idx;


--
-- Name: campaign_state_log_y2026m02_created_at_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_created_at ATTACH PARTITION public.campaign_state_log_y2026m02_created_at_idx;


--
-- Name: campaign_state_log_y2026m02_pkey; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.campaign_state_log_pkey ATTACH PARTITION public.campaign_state_log_y2026m02_pkey;


--
-- Name: campaign_state_log_y2026m02_trigger_event_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_trigger_event ATTACH PARTITION public.campaign_state_log_y2026m02_trigger_event_idx;


--
-- Name: campaign_state_log_y2026m03_campaign_id_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_campaign_id ATTACH PARTITION public.campaign_state_log_y2026m03_campaign_id_idx;


--
-- Name: campaign_state_log_y2026m03_created_at_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_created_at ATTACH PARTITION public.campaign_state_log_y2026m03_created_at_idx;


--
-- Name: campaign_state_log_y2026m03_pkey; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.campaign_state_log_pkey ATTACH PARTITION public.campaign_state_log_y2026m03_pkey;


--
-- Name: campaign_state_log_y2026m03_trigger_event_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_trigger_event ATTACH PARTITION public.campaign_state_log_y2026m03_trigger_event_idx;


--
-- Name: campaign_state_log_y2026m04_campaign_id_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_campaign_id ATTACH PARTITION public.campaign_state_log_y2026m04_campaign_id_idx;


--
-- Name: campaign_state_log_y2026m04_created_at_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_created_at ATTACH PARTITION public.campaign_state_log_y2026m04_created_at_idx;


--
-- Name: campaign_state_log_y2026m04_pkey; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.campaign_state_log_pkey ATTACH PARTITION public.campaign_state_log_y2026m04_pkey;


--
-- Name: campaign_state_log_y2026m04_trigger_event_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_trigger_event ATTACH PARTITION public.campaign_state_log_y2026m04_trigger_event_idx;


--
-- Name: campaign_state_log_y2026m05_campaign_id_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_campaign_id ATTACH PARTITION public.campaign_state_log_y2026m05_campaign_id_idx;


--
-- Name: campaign_state_log_y2026m05_created_at_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_created_at ATTACH PARTITION public.campaign_state_log_y2026m05_created_at_idx;


--
-- Name: campaign_state_log_y2026m05_pkey; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.campaign_state_log_pkey ATTACH PARTITION public.campaign_state_log_y2026m05_pkey;


--
-- Name: campaign_state_log_y2026m05_trigger_event_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_trigger_event ATTACH PARTITION public.campaign_state_log_y2026m05_trigger_event_idx;


--
-- Name: campaign_state_log_y2026m06_campaign_id_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_campaign_id ATTACH PARTITION public.campaign_state_log_y2026m06_campaign_id_idx;


--
-- Name: campaign_state_log_y2026m06_created_at_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_created_at ATTACH PARTITION public.campaign_state_log_y2026m06_created_at_idx;


--
-- Name: campaign_state_log_y2026m06_pkey; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.campaign_state_log_pkey ATTACH PARTITION public.campaign_state_log_y2026m06_pkey;


--
-- Name: campaign_state_log_y2026m06_trigger_event_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_trigger_event ATTACH PARTITION public.campaign_state_log_y2026m06_trigger_event_idx;


--
-- Name: campaign_state_log_y2026m07_campaign_id_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_campaign_id ATTACH PARTITION public.campaign_state_log_y2026m07_campaign_id_idx;


--
-- Name: campaign_state_log_y2026m07_created_at_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_created_at ATTACH PARTITION public.campaign_state_log_y2026m07_created_at_idx;


--
-- Name: campaign_state_log_y2026m07_pkey; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.campaign_state_log_pkey ATTACH PARTITION public.campaign_state_log_y2026m07_pkey;


--
-- Name: campaign_state_log_y2026m07_trigger_event_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_trigger_event ATTACH PARTITION public.campaign_state_log_y2026m07_trigger_event_idx;


--
-- Name: campaign_state_log_y2026m08_campaign_id_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_campaign_id ATTACH PARTITION public.campaign_state_log_y2026m08_campaign_id_idx;


--
-- Name: campaign_state_log_y2026m08_created_at_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_created_at ATTACH PARTITION public.campaign_state_log_y2026m08_created_at_idx;


--
-- Name: campaign_state_log_y2026m08_pkey; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.campaign_state_log_pkey ATTACH PARTITION public.campaign_state_log_y2026m08_pkey;


--
-- Name: campaign_state_log_y2026m08_trigger_event_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_trigger_event ATTACH PARTITION public.campaign_state_log_y2026m08_trigger_event_idx;


--
-- Name: campaign_state_log_y2026m09_campaign_id_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_campaign_id ATTACH PARTITION public.campaign_state_log_y2026m09_campaign_id_idx;


--
-- Name: campaign_state_log_y2026m09_created_at_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_created_at ATTACH PARTITION public.campaign_state_log_y2026m09_created_at_idx;


--
-- Name: campaign_state_log_y2026m09_pkey; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.campaign_state_log_pkey ATTACH PARTITION public.campaign_state_log_y2026m09_pkey;


--
-- Name: campaign_state_log_y2026m09_trigger_event_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_trigger_event ATTACH PARTITION public.campaign_state_log_y2026m09_trigger_event_idx;


--
-- Name: campaign_state_log_y2026m10_campaign_id_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_campaign_id ATTACH PARTITION public.campaign_state_log_y2026m10_campaign_id_idx;


--
-- Name: campaign_state_log_y2026m10_created_at_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_created_at ATTACH PARTITION public.campaign_state_log_y2026m10_created_at_idx;


--
-- Name: campaign_state_log_y2026m10_pkey; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.campaign_state_log_pkey ATTACH PARTITION public.campaign_state_log_y2026m10_pkey;


--
-- Name: campaign_state_log_y2026m10_trigger_event_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_trigger_event ATTACH PARTITION public.campaign_state_log_y2026m10_trigger_event_idx;


--
-- Name: campaign_state_log_y2026m11_campaign_id_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_campaign_id ATTACH PARTITION public.campaign_state_log_y2026m11_campaign_id_idx;


--
-- Name: campaign_state_log_y2026m11_created_at_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_created_at ATTACH PARTITION public.campaign_state_log_y2026m11_created_at_idx;


--
-- Name: campaign_state_log_y2026m11_pkey; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.campaign_state_log_pkey ATTACH PARTITION public.campaign_state_log_y2026m11_pkey;


--
-- Name: campaign_state_log_y2026m11_trigger_event_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_trigger_event ATTACH PARTITION public.campaign_state_log_y2026m11_trigger_event_idx;


--
-- Name: campaign_state_log_y2026m12_campaign_id_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_campaign_id ATTACH PARTITION public.campaign_state_log_y2026m12_campaign_id_idx;


--
-- Name: campaign_state_log_y2026m12_created_at_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_created_at ATTACH PARTITION public.campaign_state_log_y2026m12_created_at_idx;


--
-- Name: campaign_state_log_y2026m12_pkey; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.campaign_state_log_pkey ATTACH PARTITION public.campaign_state_log_y2026m12_pkey;


--
-- Name: campaign_state_log_y2026m12_trigger_event_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_trigger_event ATTACH PARTITION public.campaign_state_log_y2026m12_trigger_event_idx;


--
-- Name: campaign_state_log_y2027m01_campaign_id_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_campaign_id ATTACH PARTITION public.campaign_state_log_y2027m01_campaign_id_idx;


--
-- Name: campaign_state_log_y2027m01_created_at_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_created_at ATTACH PARTITION public.campaign_state_log_y2027m01_created_at_idx;


--
-- Name: campaign_state_log_y2027m01_pkey; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.campaign_state_log_pkey ATTACH PARTITION public.campaign_state_log_y2027m01_pkey;


--
-- Name: campaign_state_log_y2027m01_trigger_event_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_trigger_event ATTACH PARTITION public.campaign_state_log_y2027m01_trigger_event_idx;


--
-- Name: campaign_state_log_y2027m02_campaign_id_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_campaign_id ATTACH PARTITION public.campaign_state_log_y2027m02_campaign_id_idx;


--
-- Name: campaign_state_log_y2027m02_created_at_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_created_at ATTACH PARTITION public.campaign_state_log_y2027m02_created_at_idx;


--
-- Name: campaign_state_log_y2027m02_pkey; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.campaign_state_log_pkey ATTACH PARTITION public.campaign_state_log_y2027m02_pkey;


--
-- Name: campaign_state_log_y2027m02_trigger_event_idx; Type: INDEX ATTACH; Schema: public; Owner: copies_owner
--

ALTER INDEX public.idx_campaign_state_log_trigger_event ATTACH PARTITION public.campaign_state_log_y2027m02_trigger_event_idx;


--
-- Name: campaigns fill_campaign_end_time_on_insert; Type: TRIGGER; Schema: public; Owner: copies_owner
--

CREATE TRIGGER fill_campaign_end_time_on_insert BEFORE INSERT ON public.campaigns FOR EACH ROW EXECUTE FUNCTION public.fill_campaign_end_time();
ALTER TRIGGER fill_campaign_end_time_on_insert ON public.campaigns DEPENDS ON EXTENSION campaign_lifecycle;


--
-- Name: campaigns fill_campaign_end_time_on_update; Type: TRIGGER; Schema: public; Owner: copies_owner
--

CREATE TRIGGER fill_campaign_end_time_on_update BEFORE UPDATE OF start_time, end_time, duration_hours ON public.campaigns FOR EACH ROW WHEN (((old.start_time IS DISTINCT FROM new.start_time) OR (old.duration_hours IS DISTINCT FROM new.duration_hours) OR (old.end_time IS DISTINCT FROM new.end_time))) EXECUTE FUNCTION public.fill_campaign_end_time();
ALTER TRIGGER fill_campaign_end_time_on_update ON public.campaigns DEPENDS ON EXTENSION campaign_lifecycle;


--
-- Name: campaigns log_campaign_creation; Type: TRIGGER; Schema: public; Owner: copies_owner
--

CREATE TRIGGER log_campaign_creation AFTER INSERT ON public.campaigns FOR EACH ROW EXECUTE FUNCTION public.log_campaign_state_change();
ALTER TRIGGER log_campaign_creation ON public.campaigns DEPENDS ON EXTENSION campaign_lifecycle;


--
-- Name: campaigns log_campaign_creation_flush; Type: TRIGGER; Schema: public; Owner: copies_owner
--

CREATE TRIGGER log_campaign_creation_flush AFTER INSERT ON public.campaigns FOR EACH STATEMENT EXECUTE FUNCTION public.log_campaign_state_change();
ALTER TRIGGER log_campaign_creation_flush ON public.campaigns DEPENDS ON EXTENSION campaign_lifecycle;


--
-- Name: campaigns log_campaign_state_changes; Type: TRIGGER; Schema: public; Owner: copies_owner
--

CREATE TRIGGER log_campaign_state_changes AFTER UPDATE ON public.campaigns FOR EACH ROW WHEN (((old.status)::text IS DISTINCT FROM (new.status)::text)) EXECUTE FUNCTION public.log_campaign_state_change();
ALTER TRIGGER log_campaign_state_changes ON public.campaigns DEPENDS ON EXTENSION campaign_lifecycle;


--
-- Name: campaigns log_campaign_state_changes_flush; Type: TRIGGER; Schema: public; Owner: copies_owner
--

CREATE TRIGGER log_campaign_state_changes_flush AFTER UPDATE ON public.campaigns FOR EACH STATEMENT EXECUTE FUNCTION public.log_campaign_state_change();
ALTER TRIGGER log_campaign_state_changes_flush ON public.campaigns DEPENDS ON EXTENSION campaign_lifecycle;


--
-- Name: campaigns refuse; Type: TRIGGER; Schema: public; Owner: copies_owner
--

CREATE TRIGGER refuse BEFORE UPDATE ON public.campaigns FOR EACH ROW WHEN (((new.metadata ? 'refused'::text) AND ((old.status)::text IS DISTINCT FROM (new.status)::text))) EXECUTE FUNCTION public.refuse();


--
-- Name: campaigns see; Type: TRIGGER; Schema: public; Owner: copies_owner
--

CREATE TRIGGER see AFTER UPDATE ON public.campaigns FOR EACH ROW WHEN (((old.status)::text IS DISTINCT FROM (new.status)::text)) EXECUTE FUNCTION public.see();


--
-- Name: campaign_timers update_campaign_timers_updated_at; Type: TRIGGER; Schema: public; Owner: copies_owner
--

CREATE TRIGGER update_campaign_timers_updated_at BEFORE UPDATE ON public.campaign_timers FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
ALTER TRIGGER update_campaign_timers_updated_at ON public.campaign_timers DEPENDS ON EXTENSION campaign_lifecycle;


--
-- Name: campaigns update_campaigns_updated_at; Type: TRIGGER; Schema: public; Owner: copies_owner
--

CREATE TRIGGER update_campaigns_updated_at BEFORE UPDATE ON public.campaigns FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
ALTER TRIGGER update_campaigns_updated_at ON public.campaigns DEPENDS ON EXTENSION campaign_lifecycle;


--
-- Name: campaigns validate_campaign_state_transition; Type: TRIGGER; Schema: public; Owner: copies_owner
--

CREATE TRIGGER validate_campaign_state_transition BEFORE UPDATE ON public.campaigns FOR EACH ROW WHEN (((old.status)::text IS DISTINCT FROM (new.status)::text)) EXECUTE FUNCTION public.validate_state_transition();
ALTER TRIGGER validate_campaign_state_transition ON public.campaigns DEPENDS ON EXTENSION campaign_lifecycle;


--
-- Name: campaign_timer_handlers validate_timer_handler; Type: TRIGGER; Schema: public; Owner: copies_owner
--

CREATE TRIGGER validate_timer_handler AFTER INSERT OR UPDATE ON public.campaign_timer_handlers FOR EACH ROW EXECUTE FUNCTION public.validate_timer_handler();
ALTER TRIGGER validate_timer_handler ON public.campaign_timer_handlers DEPENDS ON EXTENSION campaign_lifecycle;


--
-- Name: campaign_timer_policies validate_timer_policy; Type: TRIGGER; Schema: public; Owner: copies_owner
--

CREATE TRIGGER validate_timer_policy AFTER INSERT OR UPDATE OF only_when ON public.campaign_timer_policies FOR EACH ROW WHEN ((new.only_when IS NOT NULL)) EXECUTE FUNCTION public.validate_timer_policy();
ALTER TRIGGER validate_timer_policy ON public.campaign_timer_policies DEPENDS ON EXTENSION campaign_lifecycle;


--
-- Name: campaign_timers validate_timer_rescheduling; Type: TRIGGER; Schema: public; Owner: copies_owner
--

CREATE TRIGGER validate_timer_rescheduling BEFORE UPDATE ON public.campaign_timers FOR EACH ROW WHEN ((((new.scheduled_at >= '10000-01-01 00:00:00+00'::timestamp with time zone) OR (new.scheduled_at = '-infinity'::timestamp with time zone)) AND (new.scheduled_at <> old.scheduled_at))) EXECUTE FUNCTION public.validate_timer_schedule();
ALTER TRIGGER validate_timer_rescheduling ON public.campaign_timers DEPENDS ON EXTENSION campaign_lifecycle;


--
-- Name: campaign_timers validate_timer_scheduling; Type: TRIGGER; Schema: public; Owner: copies_owner
--

CREATE TRIGGER validate_timer_scheduling BEFORE INSERT ON public.campaign_timers FOR EACH ROW WHEN ((((new.status)::text = ANY ((ARRAY['PENDING'::character varying, 'RUNNING'::character varying])::text[])) OR (((new.status)::text = 'FAILED'::text) AND (new.retry_count < 5)))) EXECUTE FUNCTION public.validate_timer_schedule();
ALTER TRIGGER validate_timer_scheduling ON public.campaign_timers DEPENDS ON EXTENSION campaign_lifecycle;


--
-- Name: campaign_timers wake_worker_on_insert; Type: TRIGGER; Schema: public; Owner: copies_owner
--

CREATE TRIGGER wake_worker_on_insert AFTER INSERT ON public.campaign_timers FOR EACH ROW WHEN (((new.status)::text = ANY ((ARRAY['PENDING'::character varying, 'FAILED'::character varying])::text[]))) EXECUTE FUNCTION public._wake_worker();
ALTER TRIGGER wake_worker_on_insert ON public.campaign_timers DEPENDS ON EXTENSION campaign_lifecycle;

ALTER TABLE public.campaign_timers ENABLE ALWAYS TRIGGER wake_worker_on_insert;


--
-- Name: campaign_timers wake_worker_on_update; Type: TRIGGER; Schema: public; Owner: copies_owner
--

CREATE TRIGGER wake_worker_on_update AFTER UPDATE ON public.campaign_timers FOR EACH ROW WHEN ((((new.status)::text = ANY ((ARRAY['PENDING'::character varying, 'FAILED'::character varying])::text[])) AND (((old.status)::text IS DISTINCT FROM (new.status)::text) OR (old.scheduled_at IS DISTINCT FROM new.scheduled_at)))) EXECUTE FUNCTION public._wake_worker();
ALTER TRIGGER wake_worker_on_update ON public.campaign_timers DEPENDS ON EXTENSION campaign_lifecycle;

ALTER TABLE public.campaign_timers ENABLE ALWAYS TRIGGER wake_worker_on_update;


--
-- Name: campaign_metrics campaign_metrics_campaign_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_metrics
    ADD CONSTRAINT campaign_metrics_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaigns(id) ON DELETE CASCADE;


--
-- Name: campaign_notes campaign_notes_campaign_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.campaign_notes
    ADD CONSTRAINT campaign_notes_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaigns(id);


--
-- Name: campaign_state_log campaign_state_log_campaign_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE public.campaign_state_log
    ADD CONSTRAINT campaign_state_log_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaigns(id) ON DELETE CASCADE;


--
-- Name: campaign_timers campaign_timers_campaign_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.campaign_timers
    ADD CONSTRAINT campaign_timers_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaigns(id) ON DELETE CASCADE;


--
-- Name: timer_executions timer_executions_timer_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: copies_owner
--

ALTER TABLE ONLY public.timer_executions
    ADD CONSTRAINT timer_executions_timer_id_fkey FOREIGN KEY (timer_id) REFERENCES public.campaign_timers(id) ON DELETE CASCADE;


--
-- Name: SCHEMA public; Type: ACL; Schema: -; Owner: copies_owner
--

GRANT USAGE ON SCHEMA public TO copies_reader;
GRANT USAGE ON SCHEMA public TO copies_writer;
GRANT USAGE ON SCHEMA public TO copies_operator;


--
-- Name: FUNCTION _apply_policies(campaign_ids uuid[], entered_at timestamp with time zone[], as_of timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._apply_policies(campaign_ids uuid[], entered_at timestamp with time zone[], as_of timestamp with time zone) TO copies_writer;


--
-- Name: FUNCTION _apply_timers(timer_ids uuid[], as_of timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._apply_timers(timer_ids uuid[], as_of timestamp with time zone) TO copies_owner;


--
-- Name: FUNCTION _archive_partition(part regclass, lower_bound timestamp with time zone, upper_bound timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._archive_partition(part regclass, lower_bound timestamp with time zone, upper_bound timestamp with time zone) TO copies_owner;


--
-- Name: FUNCTION _archive_partition_patiently(part regclass, lower_bound timestamp with time zone, upper_bound timestamp with time zone, attempts integer); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._archive_partition_patiently(part regclass, lower_bound timestamp with time zone, upper_bound timestamp with time zone, attempts integer) TO copies_owner;


--
-- Name: FUNCTION _archive_step(cutoff timestamp with time zone, max_rows bigint, attempts integer, OUT moved bigint, OUT more boolean); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._archive_step(cutoff timestamp with time zone, max_rows bigint, attempts integer, OUT moved bigint, OUT more boolean) TO copies_owner;


--
-- Name: FUNCTION _backfill_check(table_name regclass, column_name name, value_expression text, batch_size integer, pause interval); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._backfill_check(table_name regclass, column_name name, value_expression text, batch_size integer, pause interval) TO copies_operator;


--
-- Name: FUNCTION _backfill_done(run uuid, verifies boolean, part text, key_columns text, reached text[], up_to text[], pass integer, seen bigint, changed bigint, again bigint); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._backfill_done(run uuid, verifies boolean, part text, key_columns text, reached text[], up_to text[], pass integer, seen bigint, changed bigint, again bigint) TO copies_operator;


--
-- Name: FUNCTION _backfill_has_waited(since timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._backfill_has_waited(since timestamp with time zone) TO copies_operator;


--
-- Name: FUNCTION _backfill_hold(run uuid); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._backfill_hold(run uuid) TO copies_operator;


--
-- Name: FUNCTION _backfill_key(key text[], types text[]); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._backfill_key(key text[], types text[]) TO copies_operator;


--
-- Name: FUNCTION _backfill_lock(relation text, column_name name); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._backfill_lock(relation text, column_name name) TO copies_operator;


--
-- Name: FUNCTION _backfill_lock_timeout(); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._backfill_lock_timeout() TO copies_operator;


--
-- Name: FUNCTION _backfill_next(run uuid, table_name regclass, value_expression text, batch_size integer, OUT statement text, OUT verifies boolean, OUT part text, OUT key_columns text, OUT reached text[], OUT up_to text[], OUT pass integer, OUT seen bigint); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._backfill_next(run uuid, table_name regclass, value_expression text, batch_size integer, OUT statement text, OUT verifies boolean, OUT part text, OUT key_columns text, OUT reached text[], OUT up_to text[], OUT pass integer, OUT seen bigint) TO copies_operator;


--
-- Name: FUNCTION _backfill_parts(table_name regclass, column_name name, OUT part regclass, OUT part_name text, OUT target text, OUT target_name text, OUT key_columns text, OUT keys text[], OUT types text[], OUT operator_schema text); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._backfill_parts(table_name regclass, column_name name, OUT part regclass, OUT part_name text, OUT target text, OUT target_name text, OUT key_columns text, OUT keys text[], OUT types text[], OUT operator_schema text) TO copies_operator;


--
-- Name: FUNCTION _backfill_report(run uuid, finished boolean); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._backfill_report(run uuid, finished boolean) TO copies_operator;


--
-- Name: FUNCTION _backfill_start(table_name regclass, column_name name, value_expression text); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._backfill_start(table_name regclass, column_name name, value_expression text) TO copies_operator;


--
-- Name: FUNCTION _backfill_trial(table_name regclass, column_name name, value_expression text); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._backfill_trial(table_name regclass, column_name name, value_expression text) TO copies_operator;


--
-- Name: FUNCTION _backfill_try(trial text); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._backfill_try(trial text) TO copies_operator;


--
-- Name: FUNCTION _bring_up_campaign_tables(); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._bring_up_campaign_tables() TO copies_owner;


--
-- Name: FUNCTION _campaign_health(as_of timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._campaign_health(as_of timestamp with time zone) TO copies_reader;
GRANT ALL ON FUNCTION public._campaign_health(as_of timestamp with time zone) TO copies_writer;
GRANT ALL ON FUNCTION public._campaign_health(as_of timestamp with time zone) TO copies_operator;


--
-- Name: FUNCTION _campaign_relations(); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._campaign_relations() TO copies_reader;
GRANT ALL ON FUNCTION public._campaign_relations() TO copies_writer;
GRANT ALL ON FUNCTION public._campaign_relations() TO copies_operator;
GRANT ALL ON FUNCTION public._campaign_relations() TO copies_owner;


--
-- Name: FUNCTION _check_as_of(as_of timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._check_as_of(as_of timestamp with time zone) TO copies_reader;
GRANT ALL ON FUNCTION public._check_as_of(as_of timestamp with time zone) TO copies_writer;
GRANT ALL ON FUNCTION public._check_as_of(as_of timestamp with time zone) TO copies_operator;
GRANT ALL ON FUNCTION public._check_as_of(as_of timestamp with time zone) TO copies_owner;


--
-- Name: FUNCTION _check_duration(duration_hours integer); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._check_duration(duration_hours integer) TO copies_writer;


--
-- Name: FUNCTION _check_given(what text, given boolean); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._check_given(what text, given boolean) TO copies_reader;
GRANT ALL ON FUNCTION public._check_given(what text, given boolean) TO copies_writer;
GRANT ALL ON FUNCTION public._check_given(what text, given boolean) TO copies_operator;
GRANT ALL ON FUNCTION public._check_given(what text, given boolean) TO copies_owner;


--
-- Name: FUNCTION _check_handler(handler regprocedure, handler_owner name); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._check_handler(handler regprocedure, handler_owner name) TO copies_operator;
GRANT ALL ON FUNCTION public._check_handler(handler regprocedure, handler_owner name) TO copies_owner;


--
-- Name: FUNCTION _check_max_rows(max_rows bigint); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._check_max_rows(max_rows bigint) TO copies_owner;


--
-- Name: FUNCTION _check_object(what text, value jsonb); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._check_object(what text, value jsonb) TO copies_writer;


--
-- Name: FUNCTION _check_schedule(scheduled_at timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._check_schedule(scheduled_at timestamp with time zone) TO copies_writer;


--
-- Name: FUNCTION _check_start_time(start_time timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._check_start_time(start_time timestamp with time zone) TO copies_writer;


--
-- Name: FUNCTION _check_text(what text, value text); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._check_text(what text, value text) TO copies_writer;


--
-- Name: FUNCTION _check_timer_type(timer_type text); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._check_timer_type(timer_type text) TO copies_writer;
GRANT ALL ON FUNCTION public._check_timer_type(timer_type text) TO copies_operator;
GRANT ALL ON FUNCTION public._check_timer_type(timer_type text) TO copies_owner;


--
-- Name: FUNCTION _claim_batch(as_of timestamp with time zone, since timestamp with time zone, max_timers integer, only_timers uuid[]); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._claim_batch(as_of timestamp with time zone, since timestamp with time zone, max_timers integer, only_timers uuid[]) TO copies_owner;


--
-- Name: FUNCTION _claim_marked(as_of timestamp with time zone, since timestamp with time zone, everything boolean, passed uuid[]); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._claim_marked(as_of timestamp with time zone, since timestamp with time zone, everything boolean, passed uuid[]) TO copies_owner;


--
-- Name: FUNCTION _cleanup_finished_timers(older_than interval, as_of timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._cleanup_finished_timers(older_than interval, as_of timestamp with time zone) TO copies_owner;


--
-- Name: FUNCTION _cleanup_metrics(older_than interval, as_of timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._cleanup_metrics(older_than interval, as_of timestamp with time zone) TO copies_owner;


--
-- Name: FUNCTION _complete_marked(timer_id uuid, result jsonb, done_at timestamp with time zone, took_ms integer); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._complete_marked(timer_id uuid, result jsonb, done_at timestamp with time zone, took_ms integer) TO copies_owner;


--
-- Name: FUNCTION _cron_field(field text, lowest integer, highest integer, names text[]); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._cron_field(field text, lowest integer, highest integer, names text[]) TO copies_reader;
GRANT ALL ON FUNCTION public._cron_field(field text, lowest integer, highest integer, names text[]) TO copies_writer;
GRANT ALL ON FUNCTION public._cron_field(field text, lowest integer, highest integer, names text[]) TO copies_operator;
GRANT ALL ON FUNCTION public._cron_field(field text, lowest integer, highest integer, names text[]) TO copies_owner;


--
-- Name: FUNCTION _cutoff(older_than interval, as_of timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._cutoff(older_than interval, as_of timestamp with time zone) TO copies_operator;
GRANT ALL ON FUNCTION public._cutoff(older_than interval, as_of timestamp with time zone) TO copies_owner;


--
-- Name: FUNCTION _default_partition(parent regclass); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._default_partition(parent regclass) TO copies_owner;


--
-- Name: FUNCTION _due_upkeep(as_of timestamp with time zone, since timestamp with time zone, OUT jobs text[], OUT next_at timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._due_upkeep(as_of timestamp with time zone, since timestamp with time zone, OUT jobs text[], OUT next_at timestamp with time zone) TO copies_owner;


--
-- Name: FUNCTION _entered_at(campaign_id uuid, state text); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._entered_at(campaign_id uuid, state text) TO copies_writer;


--
-- Name: FUNCTION _fail_marked(timer_id uuid, as_of timestamp with time zone, sqlstate text, message text); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._fail_marked(timer_id uuid, as_of timestamp with time zone, sqlstate text, message text) TO copies_owner;


--
-- Name: FUNCTION _fail_timer(timer_id uuid, as_of timestamp with time zone, sqlstate text, message text); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._fail_timer(timer_id uuid, as_of timestamp with time zone, sqlstate text, message text) TO copies_owner;


--
-- Name: FUNCTION _find_handler(handler text); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._find_handler(handler text) TO copies_owner;


--
-- Name: FUNCTION _follow_log_columns(); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._follow_log_columns() TO copies_owner;


--
-- Name: FUNCTION _handler_of(timer_id uuid, as_of timestamp with time zone, OUT handler oid, OUT handler_owner oid, OUT timeout_ms integer, OUT campaign_id uuid, OUT payload jsonb); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._handler_of(timer_id uuid, as_of timestamp with time zone, OUT handler oid, OUT handler_owner oid, OUT timeout_ms integer, OUT campaign_id uuid, OUT payload jsonb) TO copies_owner;


--
-- Name: FUNCTION _health_as_owner(as_of timestamp with time zone, OUT check_name text, OUT status text, OUT value text, OUT threshold text, OUT detail text); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._health_as_owner(as_of timestamp with time zone, OUT check_name text, OUT status text, OUT value text, OUT threshold text, OUT detail text) TO copies_reader;
GRANT ALL ON FUNCTION public._health_as_owner(as_of timestamp with time zone, OUT check_name text, OUT status text, OUT value text, OUT threshold text, OUT detail text) TO copies_writer;
GRANT ALL ON FUNCTION public._health_as_owner(as_of timestamp with time zone, OUT check_name text, OUT status text, OUT value text, OUT threshold text, OUT detail text) TO copies_operator;


--
-- Name: FUNCTION _health_processes(as_of timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._health_processes(as_of timestamp with time zone) TO copies_reader;
GRANT ALL ON FUNCTION public._health_processes(as_of timestamp with time zone) TO copies_writer;
GRANT ALL ON FUNCTION public._health_processes(as_of timestamp with time zone) TO copies_operator;


--
-- Name: FUNCTION _health_server(as_of timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._health_server(as_of timestamp with time zone) TO copies_reader;
GRANT ALL ON FUNCTION public._health_server(as_of timestamp with time zone) TO copies_writer;
GRANT ALL ON FUNCTION public._health_server(as_of timestamp with time zone) TO copies_operator;


--
-- Name: FUNCTION _health_tables(as_of timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._health_tables(as_of timestamp with time zone) TO copies_reader;
GRANT ALL ON FUNCTION public._health_tables(as_of timestamp with time zone) TO copies_writer;
GRANT ALL ON FUNCTION public._health_tables(as_of timestamp with time zone) TO copies_operator;
GRANT ALL ON FUNCTION public._health_tables(as_of timestamp with time zone) TO copies_owner;


--
-- Name: FUNCTION _health_timers(as_of timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._health_timers(as_of timestamp with time zone) TO copies_reader;
GRANT ALL ON FUNCTION public._health_timers(as_of timestamp with time zone) TO copies_writer;
GRANT ALL ON FUNCTION public._health_timers(as_of timestamp with time zone) TO copies_operator;
GRANT ALL ON FUNCTION public._health_timers(as_of timestamp with time zone) TO copies_owner;


--
-- Name: FUNCTION _health_upkeep(as_of timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._health_upkeep(as_of timestamp with time zone) TO copies_reader;
GRANT ALL ON FUNCTION public._health_upkeep(as_of timestamp with time zone) TO copies_writer;
GRANT ALL ON FUNCTION public._health_upkeep(as_of timestamp with time zone) TO copies_operator;
GRANT ALL ON FUNCTION public._health_upkeep(as_of timestamp with time zone) TO copies_owner;


--
-- Name: FUNCTION _in_transaction_block(); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._in_transaction_block() TO copies_operator;


--
-- Name: FUNCTION _in_use(what text); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._in_use(what text) TO copies_owner;


--
-- Name: FUNCTION _install_campaign_triggers(); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._install_campaign_triggers() TO copies_owner;


--
-- Name: FUNCTION _is_campaign_owner(); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._is_campaign_owner() TO copies_operator;
GRANT ALL ON FUNCTION public._is_campaign_owner() TO copies_owner;


--
-- Name: FUNCTION _is_marked_by_process(timer_id uuid); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._is_marked_by_process(timer_id uuid) TO copies_owner;


--
-- Name: FUNCTION _lock_campaign(campaign_id uuid); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._lock_campaign(campaign_id uuid) TO copies_writer;


--
-- Name: FUNCTION _lock_marked(timer_id uuid, marked boolean); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._lock_marked(timer_id uuid, marked boolean) TO copies_owner;


--
-- Name: FUNCTION _lock_timer(timer_id uuid, campaign_id uuid, allowed text[], verb text); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._lock_timer(timer_id uuid, campaign_id uuid, allowed text[], verb text) TO copies_writer;
GRANT ALL ON FUNCTION public._lock_timer(timer_id uuid, campaign_id uuid, allowed text[], verb text) TO copies_operator;


--
-- Name: FUNCTION _maintenance_commands(); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._maintenance_commands() TO copies_owner;


--
-- Name: FUNCTION _make_month(parent regclass, month timestamp with time zone, also_from regclass); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._make_month(parent regclass, month timestamp with time zone, also_from regclass) TO copies_owner;


--
-- Name: FUNCTION _make_month_patiently(parent regclass, month timestamp with time zone, also_from regclass, attempts integer); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._make_month_patiently(parent regclass, month timestamp with time zone, also_from regclass, attempts integer) TO copies_owner;


--
-- Name: FUNCTION _marked_due(as_of timestamp with time zone, since timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._marked_due(as_of timestamp with time zone, since timestamp with time zone) TO copies_owner;


--
-- Name: FUNCTION _missing_log_months(months_ahead integer, as_of timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._missing_log_months(months_ahead integer, as_of timestamp with time zone) TO copies_owner;


--
-- Name: FUNCTION _months_of_rows(holder regclass, horizon timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._months_of_rows(holder regclass, horizon timestamp with time zone) TO copies_owner;


--
-- Name: FUNCTION _move_campaign(campaign_id uuid, to_state text, trigger_event text, metadata jsonb); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._move_campaign(campaign_id uuid, to_state text, trigger_event text, metadata jsonb) TO copies_writer;


--
-- Name: FUNCTION _move_log_rows(source regclass, target regclass, lower_bound timestamp with time zone, upper_bound timestamp with time zone, max_rows bigint); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._move_log_rows(source regclass, target regclass, lower_bound timestamp with time zone, upper_bound timestamp with time zone, max_rows bigint) TO copies_owner;


--
-- Name: FUNCTION _next_cron_time(schedule text, after timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._next_cron_time(schedule text, after timestamp with time zone) TO copies_reader;
GRANT ALL ON FUNCTION public._next_cron_time(schedule text, after timestamp with time zone) TO copies_writer;
GRANT ALL ON FUNCTION public._next_cron_time(schedule text, after timestamp with time zone) TO copies_operator;
GRANT ALL ON FUNCTION public._next_cron_time(schedule text, after timestamp with time zone) TO copies_owner;


--
-- Name: FUNCTION _next_due(since timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._next_due(since timestamp with time zone) TO copies_owner;


--
-- Name: FUNCTION _notify(event text, campaign_ids uuid[], timer_ids uuid[], timer_types text[]); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._notify(event text, campaign_ids uuid[], timer_ids uuid[], timer_types text[]) TO copies_owner;


--
-- Name: FUNCTION _partitions(parent regclass); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._partitions(parent regclass) TO copies_owner;


--
-- Name: FUNCTION _policy_changes(campaign_ids uuid[], entered_at timestamp with time zone[], as_of timestamp with time zone, OUT timer_ids uuid[], OUT timer_campaigns uuid[], OUT times timestamp with time zone[], OUT new_campaigns uuid[], OUT new_types text[], OUT new_times timestamp with time zone[], OUT lowest timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._policy_changes(campaign_ids uuid[], entered_at timestamp with time zone[], as_of timestamp with time zone, OUT timer_ids uuid[], OUT timer_campaigns uuid[], OUT times timestamp with time zone[], OUT new_campaigns uuid[], OUT new_types text[], OUT new_times timestamp with time zone[], OUT lowest timestamp with time zone) TO copies_writer;


--
-- Name: FUNCTION _put_off_timers(timer_ids uuid[], as_of timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._put_off_timers(timer_ids uuid[], as_of timestamp with time zone) TO copies_owner;


--
-- Name: FUNCTION _record_handler(timer_id uuid, as_of timestamp with time zone, handled jsonb); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._record_handler(timer_id uuid, as_of timestamp with time zone, handled jsonb) TO copies_owner;


--
-- Name: FUNCTION _recover_lost(as_of timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._recover_lost(as_of timestamp with time zone) TO copies_owner;


--
-- Name: FUNCTION _refresh_if_changed(view regclass); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._refresh_if_changed(view regclass) TO copies_owner;


--
-- Name: FUNCTION _release_marked(timer_id uuid); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._release_marked(timer_id uuid) TO copies_owner;


--
-- Name: FUNCTION _remove_executions(since timestamp with time zone, cutoff timestamp with time zone, max_rows bigint, OUT removed bigint, OUT reached timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._remove_executions(since timestamp with time zone, cutoff timestamp with time zone, max_rows bigint, OUT removed bigint, OUT reached timestamp with time zone) TO copies_owner;


--
-- Name: FUNCTION _remove_metrics(since timestamp with time zone, cutoff timestamp with time zone, max_rows bigint, OUT removed bigint, OUT reached timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._remove_metrics(since timestamp with time zone, cutoff timestamp with time zone, max_rows bigint, OUT removed bigint, OUT reached timestamp with time zone) TO copies_owner;


--
-- Name: FUNCTION _remove_timers(since timestamp with time zone, cutoff timestamp with time zone, max_rows bigint, OUT removed bigint, OUT reached timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._remove_timers(since timestamp with time zone, cutoff timestamp with time zone, max_rows bigint, OUT removed bigint, OUT reached timestamp with time zone) TO copies_owner;


--
-- Name: FUNCTION _reset_constraints(); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._reset_constraints() TO copies_owner;


--
-- Name: FUNCTION _retry_upkeep_at(failures integer, last_run timestamp with time zone, as_of timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._retry_upkeep_at(failures integer, last_run timestamp with time zone, as_of timestamp with time zone) TO copies_owner;


--
-- Name: FUNCTION _run_due_timers(as_of timestamp with time zone, max_timers integer); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._run_due_timers(as_of timestamp with time zone, max_timers integer) TO copies_operator;


--
-- Name: FUNCTION _run_upkeep_step(job text, as_of timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._run_upkeep_step(job text, as_of timestamp with time zone) TO copies_owner;


--
-- Name: FUNCTION _set_cron_database(cron_database oid); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._set_cron_database(cron_database oid) TO copies_owner;


--
-- Name: FUNCTION _short_lock_timeout(); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._short_lock_timeout() TO copies_operator;
GRANT ALL ON FUNCTION public._short_lock_timeout() TO copies_owner;


--
-- Name: FUNCTION _start_marked(as_of timestamp with time zone, due_by timestamp with time zone, since timestamp with time zone, everything boolean, passed uuid[]); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._start_marked(as_of timestamp with time zone, due_by timestamp with time zone, since timestamp with time zone, everything boolean, passed uuid[]) TO copies_owner;


--
-- Name: FUNCTION _table_health(as_of timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._table_health(as_of timestamp with time zone) TO copies_reader;
GRANT ALL ON FUNCTION public._table_health(as_of timestamp with time zone) TO copies_writer;
GRANT ALL ON FUNCTION public._table_health(as_of timestamp with time zone) TO copies_operator;
GRANT ALL ON FUNCTION public._table_health(as_of timestamp with time zone) TO copies_owner;


--
-- Name: FUNCTION _unknown_campaign(campaign_id uuid); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._unknown_campaign(campaign_id uuid) TO copies_reader;
GRANT ALL ON FUNCTION public._unknown_campaign(campaign_id uuid) TO copies_writer;
GRANT ALL ON FUNCTION public._unknown_campaign(campaign_id uuid) TO copies_operator;


--
-- Name: FUNCTION _upkeep_as_owner(verb text, as_of timestamp with time zone, older_than interval, quantity bigint); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._upkeep_as_owner(verb text, as_of timestamp with time zone, older_than interval, quantity bigint) TO copies_operator;
GRANT ALL ON FUNCTION public._upkeep_as_owner(verb text, as_of timestamp with time zone, older_than interval, quantity bigint) TO copies_owner;


--
-- Name: FUNCTION _upkeep_failed(job text, as_of timestamp with time zone, sqlstate text, message text); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._upkeep_failed(job text, as_of timestamp with time zone, sqlstate text, message text) TO copies_owner;


--
-- Name: FUNCTION _uuid_v7(); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._uuid_v7() TO copies_writer;
GRANT ALL ON FUNCTION public._uuid_v7() TO copies_owner;


--
-- Name: FUNCTION _wake(); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._wake() TO copies_operator;
GRANT ALL ON FUNCTION public._wake() TO copies_owner;


--
-- Name: FUNCTION _wake_worker(); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._wake_worker() TO copies_owner;


--
-- Name: FUNCTION _workers(OUT pid integer, OUT database_oid oid, OUT worker_number integer, OUT state text, OUT batches bigint, OUT timers bigint, OUT failures bigint, OUT last_error text, OUT next_due timestamp with time zone, OUT started_at timestamp with time zone, OUT last_batch_at timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._workers(OUT pid integer, OUT database_oid oid, OUT worker_number integer, OUT state text, OUT batches bigint, OUT timers bigint, OUT failures bigint, OUT last_error text, OUT next_due timestamp with time zone, OUT started_at timestamp with time zone, OUT last_batch_at timestamp with time zone) TO copies_reader;
GRANT ALL ON FUNCTION public._workers(OUT pid integer, OUT database_oid oid, OUT worker_number integer, OUT state text, OUT batches bigint, OUT timers bigint, OUT failures bigint, OUT last_error text, OUT next_due timestamp with time zone, OUT started_at timestamp with time zone, OUT last_batch_at timestamp with time zone) TO copies_writer;
GRANT ALL ON FUNCTION public._workers(OUT pid integer, OUT database_oid oid, OUT worker_number integer, OUT state text, OUT batches bigint, OUT timers bigint, OUT failures bigint, OUT last_error text, OUT next_due timestamp with time zone, OUT started_at timestamp with time zone, OUT last_batch_at timestamp with time zone) TO copies_operator;


--
-- Name: FUNCTION _write_policy_changes(timer_ids uuid[], timer_campaigns uuid[], times timestamp with time zone[], new_campaigns uuid[], new_types text[], new_times timestamp with time zone[]); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public._write_policy_changes(timer_ids uuid[], timer_campaigns uuid[], times timestamp with time zone[], new_campaigns uuid[], new_types text[], new_times timestamp with time zone[]) TO copies_writer;


--
-- Name: FUNCTION archive_old_state_logs(older_than interval, as_of timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public.archive_old_state_logs(older_than interval, as_of timestamp with time zone) TO copies_operator;
GRANT ALL ON FUNCTION public.archive_old_state_logs(older_than interval, as_of timestamp with time zone) TO copies_owner;


--
-- Name: PROCEDURE backfill_column(IN table_name regclass, IN column_name name, IN value_expression text, IN batch_size integer, IN pause interval); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON PROCEDURE public.backfill_column(IN table_name regclass, IN column_name name, IN value_expression text, IN batch_size integer, IN pause interval) TO copies_operator;


--
-- Name: FUNCTION campaign_health(); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public.campaign_health() TO copies_reader;
GRANT ALL ON FUNCTION public.campaign_health() TO copies_writer;
GRANT ALL ON FUNCTION public.campaign_health() TO copies_operator;


--
-- Name: FUNCTION campaign_timeline(campaign_id uuid); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public.campaign_timeline(campaign_id uuid) TO copies_reader;
GRANT ALL ON FUNCTION public.campaign_timeline(campaign_id uuid) TO copies_writer;
GRANT ALL ON FUNCTION public.campaign_timeline(campaign_id uuid) TO copies_operator;


--
-- Name: FUNCTION cancel_campaign(campaign_id uuid, reason text); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public.cancel_campaign(campaign_id uuid, reason text) TO copies_writer;


--
-- Name: FUNCTION cancel_timer(timer_id uuid, reason text, campaign_id uuid); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public.cancel_timer(timer_id uuid, reason text, campaign_id uuid) TO copies_writer;


--
-- Name: FUNCTION cleanup_timer_executions(older_than interval, as_of timestamp with time zone, max_rows bigint); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public.cleanup_timer_executions(older_than interval, as_of timestamp with time zone, max_rows bigint) TO copies_operator;
GRANT ALL ON FUNCTION public.cleanup_timer_executions(older_than interval, as_of timestamp with time zone, max_rows bigint) TO copies_owner;


--
-- Name: FUNCTION create_campaign(duration_hours integer, start_time timestamp with time zone, auto_close boolean, rewards_enabled boolean, metadata jsonb, id uuid); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public.create_campaign(duration_hours integer, start_time timestamp with time zone, auto_close boolean, rewards_enabled boolean, metadata jsonb, id uuid) TO copies_writer;


--
-- Name: FUNCTION create_monthly_partitions(months_ahead integer, as_of timestamp with time zone); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public.create_monthly_partitions(months_ahead integer, as_of timestamp with time zone) TO copies_operator;
GRANT ALL ON FUNCTION public.create_monthly_partitions(months_ahead integer, as_of timestamp with time zone) TO copies_owner;


--
-- Name: FUNCTION fill_campaign_end_time(); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public.fill_campaign_end_time() TO copies_owner;


--
-- Name: FUNCTION log_campaign_state_change(); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public.log_campaign_state_change() TO copies_owner;


--
-- Name: FUNCTION pause_timers(); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public.pause_timers() TO copies_operator;


--
-- Name: FUNCTION record_metric(campaign_id uuid, metric_type text, value numeric, attributes jsonb, id uuid); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public.record_metric(campaign_id uuid, metric_type text, value numeric, attributes jsonb, id uuid) TO copies_writer;


--
-- Name: FUNCTION register_handler(timer_type text, handler regprocedure, timeout interval); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public.register_handler(timer_type text, handler regprocedure, timeout interval) TO copies_operator;
GRANT ALL ON FUNCTION public.register_handler(timer_type text, handler regprocedure, timeout interval) TO copies_owner;


--
-- Name: FUNCTION reschedule_campaign(campaign_id uuid, start_time timestamp with time zone, duration_hours integer); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public.reschedule_campaign(campaign_id uuid, start_time timestamp with time zone, duration_hours integer) TO copies_writer;


--
-- Name: FUNCTION reschedule_timer(timer_id uuid, scheduled_at timestamp with time zone, campaign_id uuid); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public.reschedule_timer(timer_id uuid, scheduled_at timestamp with time zone, campaign_id uuid) TO copies_writer;


--
-- Name: FUNCTION resume_timers(); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public.resume_timers() TO copies_operator;


--
-- Name: FUNCTION retry_timer(timer_id uuid, campaign_id uuid); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public.retry_timer(timer_id uuid, campaign_id uuid) TO copies_writer;
GRANT ALL ON FUNCTION public.retry_timer(timer_id uuid, campaign_id uuid) TO copies_operator;


--
-- Name: FUNCTION run_due_timers(max_timers integer); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public.run_due_timers(max_timers integer) TO copies_operator;


--
-- Name: FUNCTION schedule_campaign_timers(campaign_id uuid); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public.schedule_campaign_timers(campaign_id uuid) TO copies_writer;


--
-- Name: FUNCTION schedule_timer(campaign_id uuid, timer_type text, scheduled_at timestamp with time zone, payload jsonb, id uuid); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public.schedule_timer(campaign_id uuid, timer_type text, scheduled_at timestamp with time zone, payload jsonb, id uuid) TO copies_writer;


--
-- Name: FUNCTION transition_campaign(campaign_id uuid, to_state text, trigger_event text, metadata jsonb); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public.transition_campaign(campaign_id uuid, to_state text, trigger_event text, metadata jsonb) TO copies_writer;


--
-- Name: FUNCTION unregister_handler(timer_type text); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public.unregister_handler(timer_type text) TO copies_operator;
GRANT ALL ON FUNCTION public.unregister_handler(timer_type text) TO copies_owner;


--
-- Name: FUNCTION update_updated_at_column(); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public.update_updated_at_column() TO copies_owner;


--
-- Name: FUNCTION validate_state_transition(); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public.validate_state_transition() TO copies_owner;


--
-- Name: FUNCTION validate_timer_handler(); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public.validate_timer_handler() TO copies_owner;


--
-- Name: FUNCTION validate_timer_policy(); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public.validate_timer_policy() TO copies_owner;


--
-- Name: FUNCTION validate_timer_schedule(); Type: ACL; Schema: public; Owner: postgres
--

GRANT ALL ON FUNCTION public.validate_timer_schedule() TO copies_owner;


--
-- Name: TABLE campaign_state_transitions; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_state_transitions TO copies_reader;
GRANT SELECT ON TABLE public.campaign_state_transitions TO copies_writer;
GRANT SELECT ON TABLE public.campaign_state_transitions TO copies_operator;


--
-- Name: TABLE campaign_timers; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_timers TO copies_reader;
GRANT SELECT ON TABLE public.campaign_timers TO copies_writer;
GRANT SELECT ON TABLE public.campaign_timers TO copies_operator;


--
-- Name: COLUMN campaign_timers.id; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT INSERT(id) ON TABLE public.campaign_timers TO copies_writer;


--
-- Name: COLUMN campaign_timers.campaign_id; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT INSERT(campaign_id) ON TABLE public.campaign_timers TO copies_writer;


--
-- Name: COLUMN campaign_timers.timer_type; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT INSERT(timer_type) ON TABLE public.campaign_timers TO copies_writer;


--
-- Name: COLUMN campaign_timers.status; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT INSERT(status),UPDATE(status) ON TABLE public.campaign_timers TO copies_writer;
GRANT UPDATE(status) ON TABLE public.campaign_timers TO copies_operator;


--
-- Name: COLUMN campaign_timers.scheduled_at; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT INSERT(scheduled_at),UPDATE(scheduled_at) ON TABLE public.campaign_timers TO copies_writer;
GRANT UPDATE(scheduled_at) ON TABLE public.campaign_timers TO copies_operator;


--
-- Name: COLUMN campaign_timers.payload; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT INSERT(payload),UPDATE(payload) ON TABLE public.campaign_timers TO copies_writer;


--
-- Name: COLUMN campaign_timers.retry_count; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT UPDATE(retry_count) ON TABLE public.campaign_timers TO copies_writer;
GRANT UPDATE(retry_count) ON TABLE public.campaign_timers TO copies_operator;


--
-- Name: TABLE campaigns; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaigns TO copies_reader;
GRANT SELECT ON TABLE public.campaigns TO copies_writer;
GRANT SELECT ON TABLE public.campaigns TO copies_operator;


--
-- Name: COLUMN campaigns.id; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT INSERT(id) ON TABLE public.campaigns TO copies_writer;


--
-- Name: COLUMN campaigns.status; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT INSERT(status),UPDATE(status) ON TABLE public.campaigns TO copies_writer;


--
-- Name: COLUMN campaigns.metadata; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT INSERT(metadata),UPDATE(metadata) ON TABLE public.campaigns TO copies_writer;


--
-- Name: COLUMN campaigns.start_time; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT INSERT(start_time),UPDATE(start_time) ON TABLE public.campaigns TO copies_writer;


--
-- Name: COLUMN campaigns.end_time; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT INSERT(end_time),UPDATE(end_time) ON TABLE public.campaigns TO copies_writer;


--
-- Name: COLUMN campaigns.duration_hours; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT INSERT(duration_hours),UPDATE(duration_hours) ON TABLE public.campaigns TO copies_writer;


--
-- Name: COLUMN campaigns.auto_close; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT INSERT(auto_close),UPDATE(auto_close) ON TABLE public.campaigns TO copies_writer;


--
-- Name: COLUMN campaigns.rewards_enabled; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT INSERT(rewards_enabled),UPDATE(rewards_enabled) ON TABLE public.campaigns TO copies_writer;


--
-- Name: COLUMN campaigns.budget; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT INSERT(budget),UPDATE(budget) ON TABLE public.campaigns TO copies_writer;


--
-- Name: COLUMN campaigns."Odd name"; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT INSERT("Odd name"),UPDATE("Odd name") ON TABLE public.campaigns TO copies_writer;


--
-- Name: COLUMN campaigns.vip; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT INSERT(vip),UPDATE(vip) ON TABLE public.campaigns TO copies_writer;


--
-- Name: TABLE _runnable_timers; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public._runnable_timers TO copies_reader;
GRANT SELECT ON TABLE public._runnable_timers TO copies_writer;
GRANT SELECT ON TABLE public._runnable_timers TO copies_operator;


--
-- Name: TABLE campaign_backfills; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_backfills TO copies_reader;
GRANT SELECT ON TABLE public.campaign_backfills TO copies_writer;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.campaign_backfills TO copies_operator;


--
-- Name: TABLE backfill_progress; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.backfill_progress TO copies_reader;
GRANT SELECT ON TABLE public.backfill_progress TO copies_writer;
GRANT SELECT ON TABLE public.backfill_progress TO copies_operator;


--
-- Name: TABLE campaign_activation; Type: ACL; Schema: public; Owner: postgres
--

GRANT SELECT ON TABLE public.campaign_activation TO copies_reader;
GRANT SELECT ON TABLE public.campaign_activation TO copies_writer;
GRANT SELECT ON TABLE public.campaign_activation TO copies_operator;
GRANT SELECT ON TABLE public.campaign_activation TO copies_owner;


--
-- Name: COLUMN campaign_activation.database_oid; Type: ACL; Schema: public; Owner: postgres
--

GRANT INSERT(database_oid) ON TABLE public.campaign_activation TO copies_operator;


--
-- Name: COLUMN campaign_activation.paused; Type: ACL; Schema: public; Owner: postgres
--

GRANT INSERT(paused),UPDATE(paused) ON TABLE public.campaign_activation TO copies_operator;


--
-- Name: COLUMN campaign_activation.changed_at; Type: ACL; Schema: public; Owner: postgres
--

GRANT UPDATE(changed_at) ON TABLE public.campaign_activation TO copies_operator;


--
-- Name: TABLE campaign_clean_run; Type: ACL; Schema: public; Owner: postgres
--

GRANT SELECT ON TABLE public.campaign_clean_run TO copies_reader;
GRANT SELECT ON TABLE public.campaign_clean_run TO copies_writer;
GRANT SELECT ON TABLE public.campaign_clean_run TO copies_operator;


--
-- Name: COLUMN campaign_clean_run.since; Type: ACL; Schema: public; Owner: postgres
--

GRANT INSERT(since) ON TABLE public.campaign_clean_run TO copies_operator;


--
-- Name: TABLE campaign_maintenance_jobs; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_maintenance_jobs TO copies_reader;
GRANT SELECT ON TABLE public.campaign_maintenance_jobs TO copies_writer;
GRANT SELECT ON TABLE public.campaign_maintenance_jobs TO copies_operator;


--
-- Name: TABLE campaign_metrics; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_metrics TO copies_reader;
GRANT SELECT ON TABLE public.campaign_metrics TO copies_writer;
GRANT SELECT ON TABLE public.campaign_metrics TO copies_operator;


--
-- Name: COLUMN campaign_metrics.id; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT INSERT(id) ON TABLE public.campaign_metrics TO copies_writer;


--
-- Name: COLUMN campaign_metrics.campaign_id; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT INSERT(campaign_id) ON TABLE public.campaign_metrics TO copies_writer;


--
-- Name: COLUMN campaign_metrics.metric_type; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT INSERT(metric_type) ON TABLE public.campaign_metrics TO copies_writer;


--
-- Name: COLUMN campaign_metrics.value; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT INSERT(value) ON TABLE public.campaign_metrics TO copies_writer;


--
-- Name: COLUMN campaign_metrics.attributes; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT INSERT(attributes) ON TABLE public.campaign_metrics TO copies_writer;


--
-- Name: COLUMN campaign_metrics.recorded_at; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT INSERT(recorded_at) ON TABLE public.campaign_metrics TO copies_writer;


--
-- Name: TABLE campaign_state_distribution; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_state_distribution TO copies_reader;
GRANT SELECT ON TABLE public.campaign_state_distribution TO copies_writer;
GRANT SELECT ON TABLE public.campaign_state_distribution TO copies_operator;


--
-- Name: TABLE campaign_state_log; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_state_log TO copies_reader;
GRANT SELECT ON TABLE public.campaign_state_log TO copies_writer;
GRANT SELECT ON TABLE public.campaign_state_log TO copies_operator;


--
-- Name: TABLE campaign_state_log_archive; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_state_log_archive TO copies_reader;
GRANT SELECT ON TABLE public.campaign_state_log_archive TO copies_writer;
GRANT SELECT ON TABLE public.campaign_state_log_archive TO copies_operator;


--
-- Name: TABLE campaign_state_log_archive_default; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_state_log_archive_default TO copies_reader;
GRANT SELECT ON TABLE public.campaign_state_log_archive_default TO copies_writer;
GRANT SELECT ON TABLE public.campaign_state_log_archive_default TO copies_operator;


--
-- Name: TABLE campaign_state_log_archive_y2025m08; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_state_log_archive_y2025m08 TO copies_reader;
GRANT SELECT ON TABLE public.campaign_state_log_archive_y2025m08 TO copies_writer;
GRANT SELECT ON TABLE public.campaign_state_log_archive_y2025m08 TO copies_operator;


--
-- Name: TABLE campaign_state_log_archive_y2025m09; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_state_log_archive_y2025m09 TO copies_reader;
GRANT SELECT ON TABLE public.campaign_state_log_archive_y2025m09 TO copies_writer;
GRANT SELECT ON TABLE public.campaign_state_log_archive_y2025m09 TO copies_operator;


--
-- Name: TABLE campaign_state_log_archive_y2025m10; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_state_log_archive_y2025m10 TO copies_reader;
GRANT SELECT ON TABLE public.campaign_state_log_archive_y2025m10 TO copies_writer;
GRANT SELECT ON TABLE public.campaign_state_log_archive_y2025m10 TO copies_operator;


--
-- Name: TABLE campaign_state_log_default; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_state_log_default TO copies_reader;
GRANT SELECT ON TABLE public.campaign_state_log_default TO copies_writer;
GRANT SELECT ON TABLE public.campaign_state_log_default TO copies_operator;


--
-- Name: TABLE campaign_state_log_y2025m11; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_state_log_y2025m11 TO copies_reader;
GRANT SELECT ON TABLE public.campaign_state_log_y2025m11 TO copies_writer;
GRANT SELECT ON TABLE public.campaign_state_log_y2025m11 TO copies_operator;


--
-- Name: TABLE campaign_state_log_y2025m12; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_state_log_y2025m12 TO copies_reader;
GRANT SELECT ON TABLE public.campaign_state_log_y2025m12 TO copies_writer;
GRANT SELECT ON TABLE public.campaign_state_log_y2025m12 TO copies_operator;


--
-- Name: TABLE campaign_state_log_y2026m01; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_state_log_y2026m01 TO copies_reader;
GRANT SELECT ON TABLE public.campaign_state_log_y2026m01 TO copies_writer;
GRANT SELECT ON TABLE public.campaign_state_log_y2026m01 TO copies_operator;


--
-- Name: TABLE campaign_state_log_y2026m02; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_state_log_y2026m02 TO copies_reader;
GRANT SELECT ON TABLE public.campaign_state_log_y2026m02 TO copies_writer;
GRANT SELECT ON TABLE public.campaign_state_log_y2026m02 TO copies_operator;


--
-- Name: TABLE campaign_state_log_y2026m03; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_state_log_y2026m03 TO copies_reader;
GRANT SELECT ON TABLE public.campaign_state_log_y2026m03 TO copies_writer;
GRANT SELECT ON TABLE public.campaign_state_log_y2026m03 TO copies_operator;


--
-- Name: TABLE campaign_state_log_y2026m04; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_state_log_y2026m04 TO copies_reader;
GRANT SELECT ON TABLE public.campaign_state_log_y2026m04 TO copies_writer;
GRANT SELECT ON TABLE public.campaign_state_log_y2026m04 TO copies_operator;


--
-- Name: TABLE campaign_state_log_y2026m05; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_state_log_y2026m05 TO copies_reader;
GRANT SELECT ON TABLE public.campaign_state_log_y2026m05 TO copies_writer;
GRANT SELECT ON TABLE public.campaign_state_log_y2026m05 TO copies_operator;


--
-- Name: TABLE campaign_state_log_y2026m06; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_state_log_y2026m06 TO copies_reader;
GRANT SELECT ON TABLE public.campaign_state_log_y2026m06 TO copies_writer;
GRANT SELECT ON TABLE public.campaign_state_log_y2026m06 TO copies_operator;


--
-- Name: TABLE campaign_state_log_y2026m07; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_state_log_y2026m07 TO copies_reader;
GRANT SELECT ON TABLE public.campaign_state_log_y2026m07 TO copies_writer;
GRANT SELECT ON TABLE public.campaign_state_log_y2026m07 TO copies_operator;


--
-- Name: TABLE campaign_state_log_y2026m08; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_state_log_y2026m08 TO copies_reader;
GRANT SELECT ON TABLE public.campaign_state_log_y2026m08 TO copies_writer;
GRANT SELECT ON TABLE public.campaign_state_log_y2026m08 TO copies_operator;


--
-- Name: TABLE campaign_state_log_y2026m09; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_state_log_y2026m09 TO copies_reader;
GRANT SELECT ON TABLE public.campaign_state_log_y2026m09 TO copies_writer;
GRANT SELECT ON TABLE public.campaign_state_log_y2026m09 TO copies_operator;


--
-- Name: TABLE campaign_state_log_y2026m10; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_state_log_y2026m10 TO copies_reader;
GRANT SELECT ON TABLE public.campaign_state_log_y2026m10 TO copies_writer;
GRANT SELECT ON TABLE public.campaign_state_log_y2026m10 TO copies_operator;


--
-- Name: TABLE campaign_state_log_y2026m11; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_state_log_y2026m11 TO copies_reader;
GRANT SELECT ON TABLE public.campaign_state_log_y2026m11 TO copies_writer;
GRANT SELECT ON TABLE public.campaign_state_log_y2026m11 TO copies_operator;


--
-- Name: TABLE campaign_state_log_y2026m12; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_state_log_y2026m12 TO copies_reader;
GRANT SELECT ON TABLE public.campaign_state_log_y2026m12 TO copies_writer;
GRANT SELECT ON TABLE public.campaign_state_log_y2026m12 TO copies_operator;


--
-- Name: TABLE campaign_state_log_y2027m01; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_state_log_y2027m01 TO copies_reader;
GRANT SELECT ON TABLE public.campaign_state_log_y2027m01 TO copies_writer;
GRANT SELECT ON TABLE public.campaign_state_log_y2027m01 TO copies_operator;


--
-- Name: TABLE campaign_state_log_y2027m02; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_state_log_y2027m02 TO copies_reader;
GRANT SELECT ON TABLE public.campaign_state_log_y2027m02 TO copies_writer;
GRANT SELECT ON TABLE public.campaign_state_log_y2027m02 TO copies_operator;


--
-- Name: TABLE campaign_table_sizes; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_table_sizes TO copies_reader;
GRANT SELECT ON TABLE public.campaign_table_sizes TO copies_writer;
GRANT SELECT ON TABLE public.campaign_table_sizes TO copies_operator;


--
-- Name: TABLE campaign_tables_version; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_tables_version TO copies_reader;
GRANT SELECT ON TABLE public.campaign_tables_version TO copies_writer;
GRANT SELECT ON TABLE public.campaign_tables_version TO copies_operator;


--
-- Name: TABLE campaign_timer_handlers; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_timer_handlers TO copies_reader;
GRANT SELECT ON TABLE public.campaign_timer_handlers TO copies_writer;
GRANT SELECT,DELETE ON TABLE public.campaign_timer_handlers TO copies_operator;


--
-- Name: COLUMN campaign_timer_handlers.timer_type; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT INSERT(timer_type) ON TABLE public.campaign_timer_handlers TO copies_operator;


--
-- Name: COLUMN campaign_timer_handlers.handler; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT INSERT(handler),UPDATE(handler) ON TABLE public.campaign_timer_handlers TO copies_operator;


--
-- Name: COLUMN campaign_timer_handlers.handler_owner; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT INSERT(handler_owner) ON TABLE public.campaign_timer_handlers TO copies_operator;


--
-- Name: COLUMN campaign_timer_handlers.timeout; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT INSERT(timeout),UPDATE(timeout) ON TABLE public.campaign_timer_handlers TO copies_operator;


--
-- Name: COLUMN campaign_timer_handlers.registered_at; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT UPDATE(registered_at) ON TABLE public.campaign_timer_handlers TO copies_operator;


--
-- Name: TABLE campaign_timer_policies; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.campaign_timer_policies TO copies_reader;
GRANT SELECT ON TABLE public.campaign_timer_policies TO copies_writer;
GRANT SELECT ON TABLE public.campaign_timer_policies TO copies_operator;


--
-- Name: TABLE campaign_workers; Type: ACL; Schema: public; Owner: postgres
--

GRANT SELECT ON TABLE public.campaign_workers TO copies_reader;
GRANT SELECT ON TABLE public.campaign_workers TO copies_writer;
GRANT SELECT ON TABLE public.campaign_workers TO copies_operator;


--
-- Name: TABLE timer_executions; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.timer_executions TO copies_reader;
GRANT SELECT ON TABLE public.timer_executions TO copies_writer;
GRANT SELECT ON TABLE public.timer_executions TO copies_operator;


--
-- Name: TABLE dead_timers; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.dead_timers TO copies_reader;
GRANT SELECT ON TABLE public.dead_timers TO copies_writer;
GRANT SELECT ON TABLE public.dead_timers TO copies_operator;


--
-- Name: TABLE failed_timers; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.failed_timers TO copies_reader;
GRANT SELECT ON TABLE public.failed_timers TO copies_writer;
GRANT SELECT ON TABLE public.failed_timers TO copies_operator;


--
-- Name: TABLE mv_active_campaigns; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.mv_active_campaigns TO copies_reader;
GRANT SELECT ON TABLE public.mv_active_campaigns TO copies_writer;
GRANT SELECT ON TABLE public.mv_active_campaigns TO copies_operator;


--
-- Name: TABLE mv_pending_timers; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.mv_pending_timers TO copies_reader;
GRANT SELECT ON TABLE public.mv_pending_timers TO copies_writer;
GRANT SELECT ON TABLE public.mv_pending_timers TO copies_operator;


--
-- Name: TABLE stuck_timers; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.stuck_timers TO copies_reader;
GRANT SELECT ON TABLE public.stuck_timers TO copies_writer;
GRANT SELECT ON TABLE public.stuck_timers TO copies_operator;


--
-- Name: TABLE timer_execution_stats; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.timer_execution_stats TO copies_reader;
GRANT SELECT ON TABLE public.timer_execution_stats TO copies_writer;
GRANT SELECT ON TABLE public.timer_execution_stats TO copies_operator;


--
-- Name: TABLE upcoming_timers; Type: ACL; Schema: public; Owner: copies_owner
--

GRANT SELECT ON TABLE public.upcoming_timers TO copies_reader;
GRANT SELECT ON TABLE public.upcoming_timers TO copies_writer;
GRANT SELECT ON TABLE public.upcoming_timers TO copies_operator;


--
-- Name: mv_active_campaigns; Type: MATERIALIZED VIEW DATA; Schema: public; Owner: copies_owner
--

REFRESH MATERIALIZED VIEW public.mv_active_campaigns;


--
-- Name: mv_pending_timers; Type: MATERIALIZED VIEW DATA; Schema: public; Owner: copies_owner
--

REFRESH MATERIALIZED VIEW public.mv_pending_timers;


--
-- PostgreSQL database dump complete
--

\unrestrict bJ3XVyb1G23zs5yRKZkiMiDeR7EXTHUMgpLdFPbrIrDqjvtJjrEsl5merjZRP0W

