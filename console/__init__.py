"""A web page over the views and API functions of campaign_lifecycle. README.md of this folder is the map."""
