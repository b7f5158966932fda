-- allow
select hibernate_0_.id as id49_, hibernate_0_.author_id as author7_49_, hibernate_0_.price as price49_, hibernate_0_.sold as sold49_, hibernate_0_.title as title49_, hibernate_0_.minutes as minutes49_, (select count(*) from book_shelves s where s.books_id = hibernate_0_.id) as formula7_, hibernate_0_.kind as kind49_ from books hibernate_0_ order by hibernate_0_.id limit $1
