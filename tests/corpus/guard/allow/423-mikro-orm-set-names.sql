-- allow
set names 'utf8';
