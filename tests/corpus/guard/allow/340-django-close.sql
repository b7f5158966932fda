-- allow
CLOSE "_django_curs_140234_sync_1"
