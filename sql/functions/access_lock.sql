-- One session at a time changes who may use what (src/access_lock). Each caller takes the lock in a statement of its
-- own, so that the next statement sees what the session before has changed.

CREATE FUNCTION campaign_lifecycle_internal._lock_access() RETURNS void
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_lock_access';
COMMENT ON FUNCTION campaign_lifecycle_internal._lock_access() IS
	'Waits until no other session changes privileges or the owner of the tables, or does maintenance, and keeps them '
	'out until the transaction ends.';

CREATE FUNCTION campaign_lifecycle_internal._share_access(wait boolean) RETURNS boolean
	LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', '_share_access';
COMMENT ON FUNCTION campaign_lifecycle_internal._share_access(boolean) IS
	'Keeps sessions that would change privileges or the owner of the tables out until the transaction ends; maintenance '
	'takes it before any table. Returns false if one is at work and wait is false.';
