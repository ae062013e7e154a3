# Work on campaigns as an application with ActiveRecord does.
require 'active_record'

ActiveRecord::Base.establish_connection(adapter: 'postgresql', host: ENV['PGHOST'], port: ENV['PGPORT'], database: ENV['PGDATABASE'], username: ENV['PGUSER'])

class Campaign < ActiveRecord::Base; end

def hours(campaign)
  campaign.reload
  (campaign.end_time - campaign.start_time) / 3600
end

campaign = Campaign.create!(duration_hours: 24, start_time: Time.now + 86_400)
puts "create #{campaign.reload.status} #{hours(campaign)}"
before = campaign.updated_at
campaign.touch
puts "touch #{campaign.reload.updated_at > before}"
campaign.update!(duration_hours: 48)
puts "update #{hours(campaign)}"
Campaign.upsert({ id: campaign.id, duration_hours: 12, status: 'CREATED', start_time: campaign.start_time, created_at: Time.at(0), updated_at: Time.now })
puts "upsert #{hours(campaign)} #{campaign.created_at.year > 1970}"
Campaign.insert_all([{ duration_hours: 1, status: 'CREATED', created_at: Time.at(0), updated_at: Time.at(0) }])
puts "insert_all #{Campaign.count}"
begin
  campaign.update!(status: 'CLOSED')
rescue ActiveRecord::StatementInvalid => e
  puts e.message[/Invalid state transition from CREATED to CLOSED/]
end
