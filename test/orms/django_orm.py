"""Work on campaigns as an application with Django does. 066_orms.pl gives the connection by PGHOST, PGPORT, PGDATABASE and PGUSER."""
import datetime
import os
import uuid

import django
from django.conf import settings

settings.configure(USE_TZ=True, DEFAULT_AUTO_FIELD='django.db.models.BigAutoField', DATABASES={'default': {
	'ENGINE': 'django.db.backends.postgresql', 'NAME': os.environ['PGDATABASE'], 'HOST': os.environ['PGHOST'],
	'PORT': os.environ['PGPORT'], 'USER': os.environ['PGUSER']}})
django.setup()

from django.db import models, transaction
from django.utils import timezone


class Campaign(models.Model):
	id = models.UUIDField(primary_key=True, default=uuid.uuid4)
	status = models.CharField(max_length=20, default='CREATED')
	metadata = models.JSONField(default=dict)
	created_at = models.DateTimeField(auto_now_add=True)
	updated_at = models.DateTimeField(auto_now=True)
	start_time = models.DateTimeField(null=True)
	end_time = models.DateTimeField(null=True)
	duration_hours = models.IntegerField()
	auto_close = models.BooleanField(default=True)
	rewards_enabled = models.BooleanField(default=True)

	class Meta:
		app_label = 'campaigns'
		managed = False
		db_table = 'campaigns'


class Timer(models.Model):
	id = models.UUIDField(primary_key=True, default=uuid.uuid4)
	campaign = models.ForeignKey(Campaign, on_delete=models.DO_NOTHING)
	timer_type = models.CharField(max_length=50)
	status = models.CharField(max_length=20, default='PENDING')
	scheduled_at = models.DateTimeField()
	executed_at = models.DateTimeField(null=True)
	payload = models.JSONField(default=dict)
	retry_count = models.IntegerField(default=0)
	created_at = models.DateTimeField(auto_now_add=True)
	updated_at = models.DateTimeField(auto_now=True)

	class Meta:
		app_label = 'campaigns'
		managed = False
		db_table = 'campaign_timers'


def hours(campaign):
	campaign.refresh_from_db()
	return (campaign.end_time - campaign.start_time).total_seconds() / 3600


tomorrow = timezone.now() + datetime.timedelta(days=1)
campaign = Campaign(duration_hours=24, start_time=tomorrow)
campaign.save()
print('save', hours(campaign))
campaign.duration_hours = 48
campaign.save()
print('save again', hours(campaign))
Campaign.objects.bulk_create([Campaign(duration_hours=1), Campaign(duration_hours=2)])
print('bulk_create', Campaign.objects.count())
Campaign.objects.update_or_create(id=campaign.id, defaults={'metadata': {'a': 1}})
timer = Timer.objects.create(campaign=campaign, timer_type='CLOSE_CAMPAIGN', scheduled_at=tomorrow)
timer.payload = {'b': 2}
timer.save()
print('timer', Timer.objects.get().payload)
try:
	with transaction.atomic():
		Timer.objects.filter(id=timer.id).update(timer_type='EXPIRE_CAMPAIGN')
except django.db.utils.ProgrammingError as error:
	print(error.__cause__.pgcode)
