-- allow
set "StAtEmEnT_TiMeOuT" = 1; SET TimeZone = DEFAULT; SET U&"work\005Fmem" = '1MB';
