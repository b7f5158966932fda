-- allow
FETCH FORWARD 2 FROM "_django_curs_140234_sync_1"
