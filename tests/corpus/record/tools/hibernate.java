// Hibernate: schema by hbm2ddl, then entities, queries, locks and batches.

import java.io.Serializable;
import java.math.BigDecimal;
import java.util.*;
import javax.persistence.*;
import org.hibernate.Criteria;
import org.hibernate.FetchMode;
import org.hibernate.LockMode;
import org.hibernate.LockOptions;
import org.hibernate.ScrollableResults;
import org.hibernate.Session;
import org.hibernate.SessionFactory;
import org.hibernate.Transaction;
import org.hibernate.cfg.Configuration;
import org.hibernate.criterion.*;
import org.hibernate.tool.hbm2ddl.*;

public final class hibernate {
    @Entity(name = "Author") @javax.persistence.Table(name = "authors", uniqueConstraints = @UniqueConstraint(columnNames = {"name", "email"}))
    @org.hibernate.annotations.NamedQuery(name = "author.named", query = "from Author a where a.name = :name")
    public static class Author {
        @Id @GeneratedValue(strategy = GenerationType.SEQUENCE, generator = "authors")
        @SequenceGenerator(name = "authors", sequenceName = "authors_seq", allocationSize = 10) public Long id;
        @Version public int version;
        @Column(nullable = false, length = 100) @org.hibernate.annotations.Index(name = "authors_by_name") public String name;
        public String email;
        @Temporal(TemporalType.TIMESTAMP) public Date born;
        @Enumerated(EnumType.STRING) public Mood mood;
        @Embedded public Address address;
        @OneToMany(mappedBy = "author", cascade = CascadeType.ALL, orphanRemoval = true) @OrderBy("title") public List<Book> books = new ArrayList<Book>();
        @ElementCollection @CollectionTable(name = "author_tags") public Set<String> tags = new HashSet<String>();
    }

    public enum Mood { GOOD, BAD }

    @Embeddable public static class Address implements Serializable { public String street; public String city; }

    @Entity(name = "Book") @javax.persistence.Table(name = "books") @Inheritance(strategy = InheritanceType.SINGLE_TABLE)
    @DiscriminatorColumn(name = "kind")
    public static class Book {
        @Id @GeneratedValue(strategy = GenerationType.IDENTITY) public Long id;
        public String title;
        public BigDecimal price;
        public boolean sold;
        @ManyToOne(fetch = FetchType.LAZY) @JoinColumn(name = "author_id") public Author author;
        @ManyToMany @JoinTable(name = "book_shelves") public Set<Shelf> shelves = new HashSet<Shelf>();
        @org.hibernate.annotations.Formula("(select count(*) from book_shelves s where s.books_id = id)") public int places;
    }

    @Entity(name = "AudioBook") @DiscriminatorValue("audio") public static class AudioBook extends Book { public int minutes; }

    @Entity(name = "Shelf") @javax.persistence.Table(name = "shelves") @Inheritance(strategy = InheritanceType.JOINED)
    public static class Shelf {
        @Id @GeneratedValue(strategy = GenerationType.TABLE) public Integer id;
        public String name;
        @Lob public String notes;
        public byte[] picture;
    }

    @Entity(name = "BigShelf") @javax.persistence.Table(name = "big_shelves") public static class BigShelf extends Shelf { public Double width; }

    interface Work { void run() throws Exception; }

    interface InSession { void run(Session session) throws Exception; }

    static SessionFactory factory;

    static void step(String name, Work work) {
        try {
            work.run();
            System.out.println("ok " + name);
        } catch (Throwable error) {
            Throwable root = error;
            while (root.getCause() != null) root = root.getCause();
            System.out.println("FAIL " + name + ": " + String.valueOf(root).replaceAll("\\s+", " "));
        }
    }

    static void within(String name, InSession work) {
        step(name, () -> {
            Session session = factory.openSession();
            Transaction transaction = session.beginTransaction();
            try {
                work.run(session);
                transaction.commit();
            } catch (Exception error) {
                transaction.rollback();
                throw error;
            } finally {
                session.close();
            }
        });
    }

    static Configuration settings() {
        Map<String, String> e = System.getenv();
        Configuration c = new Configuration();
        for (Class<?> entity : new Class<?>[] {Author.class, Book.class, AudioBook.class, Shelf.class, BigShelf.class}) c.addAnnotatedClass(entity);
        return c.setProperty("hibernate.connection.driver_class", "org.postgresql.Driver")
            .setProperty("hibernate.connection.url", "jdbc:postgresql://127.0.0.1:" + e.get("PGPORT") + "/" + e.get("PGDATABASE") + "?sslmode=disable")
            .setProperty("hibernate.connection.username", e.get("PGUSER"))
            .setProperty("hibernate.connection.password", e.get("PGPASSWORD"))
            .setProperty("hibernate.dialect", "org.hibernate.dialect.PostgreSQLDialect")
            .setProperty("hibernate.id.new_generator_mappings", "true")
            .setProperty("hibernate.jdbc.batch_size", "5").setProperty("hibernate.order_inserts", "true")
            .setProperty("hibernate.order_updates", "true").setProperty("hibernate.max_fetch_depth", "3")
            .setProperty("hibernate.default_batch_fetch_size", "4").setProperty("javax.persistence.validation.mode", "none");
    }

    static void ddl(List<Exception> errors) throws Exception {
        if (!errors.isEmpty()) throw errors.get(0);
    }

    static Author author(String name) {
        Author a = new Author();
        a.name = name;
        a.mood = Mood.GOOD;
        a.born = new Date(0);
        a.address = new Address();
        a.address.city = "London";
        a.tags.add("x");
        a.tags.add("y");
        for (int n = 0; n < 3; n++) {
            Book b = n == 2 ? new AudioBook() : new Book();
            b.title = name + n;
            b.price = BigDecimal.valueOf(n);
            b.author = a;
            a.books.add(b);
        }
        return a;
    }

    static Book book(Session s) {
        return (Book) s.createQuery("from Book b order by b.id").setMaxResults(1).uniqueResult();
    }

    public static void main(String[] arguments) throws Exception {
        Thread.currentThread().setContextClassLoader(hibernate.class.getClassLoader());
        String schema = System.getenv("RECORD_SCHEMA");
        step("hbm2ddl create", () -> { SchemaExport x = new SchemaExport(settings()); x.create(false, true); for (Object o : x.getExceptions()) if (!String.valueOf(o).contains("does not exist")) throw (Exception) o; });
        step("hbm2ddl update of nothing new", () -> { SchemaUpdate x = new SchemaUpdate(settings()); x.execute(false, true); ddl(x.getExceptions()); });
        step("hbm2ddl validate", () -> new SchemaValidator(settings()).validate());
        step("hbm2ddl drop", () -> { SchemaExport x = new SchemaExport(settings()); x.drop(false, true); ddl(x.getExceptions()); });
        step("hbm2ddl update of all", () -> { SchemaUpdate x = new SchemaUpdate(settings()); x.execute(false, true); ddl(x.getExceptions()); });
        step("hbm2ddl with a default schema", () -> { SchemaExport x = new SchemaExport(settings().setProperty("hibernate.default_schema", schema)); x.drop(false, true); ddl(x.getExceptions()); x.create(false, true); });
        step("hbm2ddl validate with a default schema", () -> { Configuration c = settings().setProperty("hibernate.default_schema", schema); new SchemaValidator(c).validate(); });
        step("session factory", () -> factory = settings().setProperty("hibernate.hbm2ddl.auto", "update").buildSessionFactory());
        within("save", s -> { for (String name : new String[] {"Ada", "Bo", "O'Neil"}) s.save(author(name)); });
        within("joined inheritance and a table of numbers", s -> { for (int n = 0; n < 4; n++) { Shelf h = n % 2 == 0 ? new Shelf() : new BigShelf(); h.name = "h" + n; h.picture = new byte[] {1}; s.save(h); } });
        within("lob", s -> { Shelf h = new Shelf(); h.notes = "text"; s.save(h); });
        within("get, load, lazy", s -> { Author a = (Author) s.get(Author.class, 1L); if (a != null) { a.books.size(); a.tags.size(); } Book b = (Book) s.load(Book.class, book(s).id); b.author.name.length(); b.shelves.size(); s.refresh(b); });
        within("update", s -> { Author a = (Author) s.createQuery("from Author a where a.name = 'Ada'").uniqueResult(); a.name = "Ada Byron"; a.address.street = "1"; a.tags.remove("x"); a.tags.add("z"); a.books.remove(0); s.flush(); a.mood = Mood.BAD; });
        within("many to many", s -> { Book b = book(s); b.shelves.addAll(s.createCriteria(Shelf.class).list()); s.flush(); b.shelves.clear(); });
        within("merge, evict, replicate", s -> { Author a = (Author) s.createQuery("from Author").setMaxResults(1).uniqueResult(); a.tags.size(); a.books.size(); s.evict(a); a.email = "m@example.org"; s.merge(a); });
        step("optimistic lock", () -> { Session one = factory.openSession(), two = factory.openSession(); try { Author a = (Author) one.createQuery("from Author").setMaxResults(1).uniqueResult(); Author b = (Author) two.get(Author.class, a.id); one.beginTransaction(); a.email = "1"; one.getTransaction().commit(); two.beginTransaction(); b.email = "2"; try { two.getTransaction().commit(); throw new Exception("no error"); } catch (org.hibernate.StaleObjectStateException expected) { two.getTransaction().rollback(); } } finally { one.close(); two.close(); } });
        for (LockMode mode : new LockMode[] {LockMode.PESSIMISTIC_WRITE, LockMode.PESSIMISTIC_READ, LockMode.UPGRADE_NOWAIT, LockMode.OPTIMISTIC, LockMode.OPTIMISTIC_FORCE_INCREMENT, LockMode.PESSIMISTIC_FORCE_INCREMENT}) {
            within("lock " + mode, s -> { Author a = (Author) s.createQuery("from Author a order by a.id").setMaxResults(1).uniqueResult(); s.buildLockRequest(new LockOptions(mode)).lock(a); s.evict(a); s.get(Author.class, a.id, new LockOptions(mode)); });
            within("query with lock " + mode, s -> s.createQuery("from Author a where a.name like 'A%'").setLockMode("a", mode).list());
        }
        String[] queries = {
            "select a.name, count(b), max(b.price) from Author a left join a.books b group by a.name having count(b) > 0 order by a.name desc",
            "select distinct a from Author a left join fetch a.books join fetch a.tags where a.mood = 'GOOD'",
            "from Book b where b.author.address.city = 'London' and b.title like 'A%' escape '!'",
            "from Book b where b.price between 0 and 5 and b.id in (1, 2, 3) and b.sold = false or b.author is null",
            "from Author a where exists (select 1 from Book b where b.author = a and b.title is not null)",
            "from Author a where a.books is not empty and size(a.books) > 1 and 'y' in elements(a.tags)",
            "select new map(b.title as title, b.price as price) from Book b",
            "select case when b.sold = true then 'sold' else lower(b.title) end, coalesce(b.price, 0), cast(b.id as string), substring(b.title, 1, 2), trim(both from b.title), extract(year from a.born), str(b.id), nullif(b.price, 1), locate('a', b.title), mod(b.id, 2), bit_length(b.title) from Book b join b.author a",
            "select current_timestamp(), current_date(), a.id from Author a where a.born < current_timestamp()",
            "from AudioBook b where b.minutes >= 0", "from Book b where b.class = AudioBook", "from Shelf h order by h.name",
            "from BigShelf h where h.width is null", "select b.author.name from Book b",
            "from Author a where a.id > all (select b.id from Book b where b.sold = true) or a.id = some (select 1L from Book b)",
            "select b.title, t from Author a join a.tags t, Book b",
        };
        for (String query : queries) within("HQL " + query, s -> s.createQuery(query).list());
        within("HQL with parameters and pages", s -> { s.createQuery("from Book b where b.author.name = :n and b.id in (:ids) order by b.id").setString("n", "Ada").setParameterList("ids", Arrays.asList(1L, 2L)).setFirstResult(1).setMaxResults(2).setComment("page").list(); s.getNamedQuery("author.named").setString("name", "Bo").uniqueResult(); });
        within("criteria", s -> { s.createCriteria(Author.class).add(Restrictions.ilike("name", "a", MatchMode.START)).add(Restrictions.or(Restrictions.isNull("email"), Restrictions.gt("id", 0L))).setFetchMode("books", FetchMode.JOIN).addOrder(Order.asc("name")).setFirstResult(0).setMaxResults(5).list(); s.createCriteria(Book.class).createAlias("author", "a", Criteria.LEFT_JOIN).setProjection(Projections.projectionList().add(Projections.groupProperty("a.name")).add(Projections.rowCount()).add(Projections.avg("price")).add(Projections.countDistinct("title"))).list(); DetachedCriteria d = DetachedCriteria.forClass(Book.class, "b").setProjection(Property.forName("b.author.id")); s.createCriteria(Author.class).add(Property.forName("id").in(d)).add(Restrictions.sqlRestriction("{alias}.version >= 0")).list(); Author like = new Author(); like.name = "Bo"; s.createCriteria(Author.class).add(Example.create(like).excludeZeroes()).list(); });
        within("scroll and iterate", s -> { ScrollableResults r = s.createQuery("from Book").setFetchSize(2).scroll(org.hibernate.ScrollMode.FORWARD_ONLY); while (r.next()) { } r.close(); Iterator<?> i = s.createQuery("from Author").iterate(); while (i.hasNext()) org.hibernate.Hibernate.initialize(i.next()); });
        within("native", s -> { s.createSQLQuery("SELECT {a.*} FROM authors a WHERE a.name = :n").addEntity("a", Author.class).setString("n", "Ada").list(); s.createSQLQuery("WITH n AS (SELECT author_id, count(*) AS c FROM books GROUP BY author_id) SELECT a.name, n.c FROM n JOIN authors a ON a.id = n.author_id").list(); s.createSQLQuery("UPDATE books SET sold = true WHERE price > ?").setInteger(0, 1).executeUpdate(); });
        within("bulk", s -> { s.createQuery("update Book b set b.sold = true, b.price = b.price * 2 where b.price < :p").setInteger("p", 3).executeUpdate(); s.createQuery("update versioned Author a set a.email = null where a.name = 'Bo'").executeUpdate(); s.createQuery("delete Book b where b.author is null").executeUpdate(); });
        within("bulk over joined tables", s -> { s.createQuery("update BigShelf h set h.name = 'big', h.width = 1 where h.width is null").executeUpdate(); s.createQuery("delete BigShelf h where h.width > 0").executeUpdate(); });
        within("batch", s -> { for (int n = 0; n < 12; n++) { Author a = new Author(); a.name = "batch" + n; s.save(a); if (n % 5 == 4) { s.flush(); s.clear(); } } });
        step("stateless", () -> { org.hibernate.StatelessSession s = factory.openStatelessSession(); s.beginTransaction(); Shelf h = new Shelf(); h.name = "stateless"; s.insert(h); h.name = "again"; s.update(h); s.delete(h); s.getTransaction().commit(); s.close(); });
        within("work on the connection", s -> s.doWork(c -> { java.sql.Savepoint p = c.setSavepoint("s1"); try { c.createStatement().execute("SELECT 1/0"); } catch (java.sql.SQLException expected) { c.rollback(p); } c.releaseSavepoint(p); }));
        within("delete", s -> { for (Object a : s.createQuery("from Author").list()) s.delete(a); });
        step("roll back", () -> { Session s = factory.openSession(); s.beginTransaction(); s.save(author("Zed")); s.flush(); s.getTransaction().rollback(); s.close(); });
        step("close", () -> factory.close());
        step("create-drop", () -> { SessionFactory f = settings().setProperty("hibernate.hbm2ddl.auto", "create-drop").setProperty("hibernate.default_schema", schema).setProperty("hibernate.use_sql_comments", "true").buildSessionFactory(); Session s = f.openSession(); s.beginTransaction(); s.save(author("Cy")); s.flush(); s.createQuery("from Author a join fetch a.books").list(); s.createCriteria(Book.class).setMaxResults(3).list(); s.getTransaction().commit(); s.close(); f.close(); });
    }
}
