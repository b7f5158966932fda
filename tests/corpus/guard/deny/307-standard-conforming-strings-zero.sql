-- deny: fixed_setting
SET "Standard_Conforming_Strings" TO 0;
