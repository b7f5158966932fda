-- allow
show standard_conforming_strings
