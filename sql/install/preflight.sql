-- Head of the install script.

\echo Use "CREATE EXTENSION campaign_lifecycle" to load this file. \quit

-- The server runs this script with the extension's schema first in search_path. Others may have put functions and
-- operators there that fit better than the server's own.
SET LOCAL search_path = pg_catalog, pg_temp;
