-- allow
SET backslash_quote = on; SET escape_string_warning = off; SET transform_null_equals = on; SET array_nulls = off; SET XML OPTION DOCUMENT; SET operator_precedence_warning = on;
