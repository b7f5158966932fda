# Rails' Active Record: connection, migrations, schema dump and load, models.
require "active_record"
require "stringio"

E = ENV
CONFIG = { adapter: "postgresql", host: E["PGHOST"], port: E["PGPORT"].to_i, username: E["PGUSER"], password: E["PGPASSWORD"], database: E["PGDATABASE"], pool: 2, variables: { statement_timeout: 20_000 } }

def step(name)
  yield
  puts "ok #{name}"
rescue StandardError, NotImplementedError => e
  puts "FAIL #{name}: #{e.class}: #{e.message.gsub(/\s+/, " ")[0, 300]}"
ensure
  $stdout.flush
end

ActiveRecord::Base.establish_connection(CONFIG)
ActiveRecord::Migration.verbose = false
# The dumper takes the tables of `global` for the application's own, since they are in the path.
ActiveRecord::SchemaDumper.ignore_tables = ["countries"]
ActiveRecord::Base.logger = nil
def db = ActiveRecord::Base.connection

class First < ActiveRecord::Migration[6.1]
  def change
    create_table :authors, comment: "people" do |t|
      t.string :name, null: false, index: { unique: true }; t.jsonb :data, default: {}; t.text :tags, array: true; t.timestamps
    end
    create_table :books, id: :uuid do |t|
      t.references :author, foreign_key: { on_delete: :cascade }; t.decimal :price, precision: 8, scale: 2; t.string :title, comment: "shown"; t.tsvector :words; t.int4range :pages
      t.index "lower(title)", name: "by_lower"; t.index :price, where: "price > 0"; t.check_constraint "price >= 0", name: "positive"
    end
    create_join_table :authors, :books, column_options: { type: :bigint }
  end
end

class Second < ActiveRecord::Migration[6.1]
  disable_ddl_transaction!
  def up
    add_column :books, :note, :text, default: "x"; change_column_null :books, :note, false, "y"; change_column_default :books, :note, from: "x", to: nil; rename_column :books, :note, :remark
    change_column :books, :remark, :string, limit: 40; change_column_comment :books, :remark, "a remark"; change_table_comment :books, "all"; add_index :books, :remark, algorithm: :concurrently, using: :btree; add_index :authors, :tags, using: :gin
    add_foreign_key :authors_books, :authors, validate: false; validate_foreign_key :authors_books, :authors; remove_foreign_key :authors_books, :authors; rename_table :authors_books, :writings; remove_column :books, :remark
    execute "CREATE TYPE mood AS ENUM ('a', 'b')"; execute "CREATE VIEW cheap AS SELECT * FROM books WHERE price < 5"
    change_table(:writings, bulk: true) { |t| t.integer :n; t.string :m }
  end
  def down; end
end

class Author < ActiveRecord::Base; has_many :books, dependent: :destroy; validates :name, uniqueness: true; end
class Book < ActiveRecord::Base; belongs_to :author, counter_cache: false; self.implicit_order_column = "title"; end

context = Class.new(ActiveRecord::MigrationContext) { define_method(:migrations) { [[1, First], [2, Second]].map { |n, c| m = c.new(c.name, n); m } } }.new([], ActiveRecord::SchemaMigration)
step("connect") { db.select_value("SELECT 1") }
step("migrate") { context.migrate }
step("migrate again") { context.migrate }
step("status") { context.migrations_status rescue context.needs_migration?; context.current_version }
step("internal metadata") { ActiveRecord::InternalMetadata.create_table; ActiveRecord::InternalMetadata[:environment] = "production" }
step("write") do
  ada = Author.create!(name: "Ada", data: { a: 1 }, tags: %w[x y]); ada.books.create!(title: "T", price: 3, pages: 1..5); ada.update!(name: "Ada L"); ada.touch; ada.reload
  Author.insert_all([{ name: "Bo", created_at: Time.now, updated_at: Time.now }]); Author.upsert_all([{ name: "Bo", created_at: Time.now, updated_at: Time.now }], unique_by: :name, returning: %w[id name]); Author.find_or_create_by!(name: "Cy")
  Book.where("price > ?", 1).update_all("price = price + 1"); Book.increment_counter(:price, Book.first.id); Author.where(name: "Cy").delete_all; Author.find_by(name: "Bo").destroy; Book.first.update_columns(title: "U")
end
step("read") do
  Author.where(name: %w[Ada Bo]).or(Author.where(id: 1..3)).order(id: :desc).limit(2).offset(0).to_a; Author.includes(:books).to_a; Author.eager_load(:books).where(books: { title: "T" }).to_a; Author.left_joins(:books).group(:id).having("count(books.id) > 0").count
  Book.joins(:author).pluck(:title, "authors.name"); Author.where("data @> ?", { a: 1 }.to_json).exists?; Author.where("tags && ARRAY[?]", ["x"]).first; Author.find_each(batch_size: 1) { }; Book.average(:price); Author.in_batches(of: 1).delete_all if false
  Author.distinct.pick(:name); Author.find(1); Author.last; Book.where(author: Author.where(name: "Ada")).sum(:price); Author.all.explain; Book.order(Arel.sql("price NULLS LAST")).take; Author.extending.none?; Author.where.not(name: nil).where.missing(:books).to_a
end
step("transactions") do
  Author.transaction { Author.lock.first; Author.lock("FOR UPDATE SKIP LOCKED").first; Author.transaction(requires_new: true) { raise ActiveRecord::Rollback } }
  Author.transaction(isolation: :serializable) { Author.count }; Author.first&.with_lock { }
end
step("advisory lock") { db.get_advisory_lock(42); db.release_advisory_lock(42) }
step("introspection") { db.tables; db.views; db.data_sources; db.indexes(:books); db.foreign_keys(:books); db.check_constraints(:books); db.primary_keys("books"); db.schema_names; db.extensions; db.current_schema; db.encoding; db.collation; db.ctype; db.table_comment("books"); db.index_name_exists?(:books, "by_lower"); db.table_exists?("books"); db.view_exists?("cheap"); db.schema_exists?("tenant_alpha"); db.column_exists?(:books, :title); db.pk_and_sequence_for("authors"); db.supports_pgcrypto_uuid?; db.max_identifier_length; db.client_min_messages; db.schema_search_path; db.session_auth = "default" rescue nil }
dump = StringIO.new
step("schema dump") { ActiveRecord::SchemaDumper.dump(db, dump) }
step("reset sequences") { db.reset_pk_sequence!("authors"); db.reset_sequence!("authors", "id") rescue nil; db.set_pk_sequence!("authors", 50) }
step("fixtures") { db.disable_referential_integrity { db.truncate_tables("books", "authors") } }
step("insert fixtures") { db.insert_fixtures_set({ "authors" => [{ "name" => "F", "created_at" => Time.now, "updated_at" => Time.now }] }, ["books"]) }
step("schema load") { db.drop_table(:writings, if_exists: true); db.execute("DROP VIEW IF EXISTS cheap"); eval(dump.string) }
step("extension") { db.enable_extension("pgcrypto") }
step("create schema") { db.create_schema("tenant_alpha") }
step("search path") { db.schema_search_path = "tenant_alpha, global"; db.schema_search_path = "tenant_alpha" }
step("reset") { db.reset!; db.reconnect!; db.active?; db.clear_cache!; db.discard! }
step("drop") { ActiveRecord::Base.clear_all_connections!; %i[books authors].each { |t| db.drop_table(t, force: :cascade, if_exists: true) } }
