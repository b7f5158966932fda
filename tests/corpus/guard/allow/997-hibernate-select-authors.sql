-- allow
select current_timestamp as col_0_0_, current_date as col_1_0_, hibernate_0_.id as col_2_0_ from authors hibernate_0_ where hibernate_0_.born<current_timestamp
