-- allow
SET standard_conforming_strings = on; SET standard_conforming_strings TO true; SET standard_conforming_strings = 1;
