"""Work on campaigns as an application with SQLAlchemy does, with the tables reflected."""
import datetime

import sqlalchemy
from sqlalchemy.orm import Session, registry

engine = sqlalchemy.create_engine('postgresql+psycopg2://')
tables = sqlalchemy.MetaData()
tables.reflect(engine, only=['campaigns', 'campaign_timers'])


class Campaign:
	pass


# A mapped class has an attribute `metadata` of its own.
registry().map_imperatively(Campaign, tables.tables['campaigns'], properties={'details': tables.tables['campaigns'].c.metadata})


def now():
	return datetime.datetime.now(datetime.timezone.utc)


def hours(campaign):
	return (campaign.end_time - campaign.start_time).total_seconds() / 3600


with Session(engine) as session:
	campaign = Campaign()
	campaign.duration_hours, campaign.start_time = 24, now() + datetime.timedelta(days=1)
	campaign.created_at = campaign.updated_at = now()
	session.add(campaign)
	session.commit()
	print('add', campaign.status, hours(campaign))
	campaign.duration_hours, campaign.updated_at = 48, now()
	session.commit()
	print('change', hours(campaign))
	# A row that was read elsewhere, with every column.
	columns = {c.key: getattr(campaign, 'details' if c.key == 'metadata' else c.key) for c in tables.tables['campaigns'].c}
	columns['duration_hours'] = 12
	session.execute(tables.tables['campaigns'].update().where(tables.tables['campaigns'].c.id == columns['id']).values(columns))
	session.commit()
	print('update of all columns', hours(campaign))
