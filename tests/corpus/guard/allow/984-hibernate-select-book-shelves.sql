-- allow
select hibernate_0_.id as id49_0_, hibernate_0_.author_id as author7_49_0_, hibernate_0_.price as price49_0_, hibernate_0_.sold as sold49_0_, hibernate_0_.title as title49_0_, hibernate_0_.minutes as minutes49_0_, (select count(*) from book_shelves s where s.books_id = hibernate_0_.id) as formula7_0_, hibernate_0_.kind as kind49_0_ from books hibernate_0_ where hibernate_0_.id=$1
