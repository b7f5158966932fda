-- allow
RELEASE "_pg3_3"
