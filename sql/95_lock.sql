-- The server runs this script with the extension's schema first, where others may have put functions and operators that fit better than the server's own.
SET LOCAL search_path = pg_catalog, pg_temp;

-- First of all in an upgrade: the extension for itself, as DROP EXTENSION takes it. The worker locks it before any table, so now none is at work, and none
-- begins; met halfway, over the tables, one of both would fail. (The statement changes nothing; there is no LOCK for extensions.)
ALTER FUNCTION @extschema@._uuid_v7() NO DEPENDS ON EXTENSION campaign_lifecycle;

