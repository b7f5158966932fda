-- deny: fixed_setting
SET standard_conforming_strings = off;
