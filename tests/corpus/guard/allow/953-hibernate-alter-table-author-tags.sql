-- allow
alter table author_tags drop constraint FK2A820A4D8122CCBA
