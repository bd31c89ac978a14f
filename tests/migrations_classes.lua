---Statements and what they are: "a" additive, "b" breaking as PostgreSQL shows, "u" breaking although it shows nothing
---(a rule of ours, or it depends on who does what later). Each runs against `world`; where an entry has several
---statements, the classes stand beside each other, "ba".
local classes = {}

---What is in use.
classes.world = [[
create type mood as enum ('sad', 'ok');
create domain percent as int constraint sane check (value between 0 and 100);
create sequence numbers;
create table users (id serial primary key, email text not null unique, name text default 'x', age int, mood mood,
  score percent, constraint grown check (age > 0));
create table orders (id serial primary key, user_id int references users (id), total numeric(10,2) not null default 0,
  note varchar(50));
create index orders_note on orders (note);
create view people as select id, email from users;
create materialized view sums as select user_id, sum(total) as total from orders group by user_id;
create unique index sums_user on sums (user_id);
create function double(int) returns int language sql as 'select $1 * 2';
create procedure tidy() language sql as 'delete from orders where note is null';
create table days (id int, day date not null) partition by range (day);
create table days_old partition of days for values from ('2020-01-01') to ('2021-01-01');
create table spare (id int, day date not null);
create function noted() returns trigger language plpgsql as 'begin new.note := null; return new; end';
create trigger tidied before update on orders for each row execute function noted();
create policy mine on orders using (true);
create table counted (id int generated always as identity, twice int generated always as (2) stored);
create role davit_reader;
insert into users (email, age, mood, score) values ('a', 30, 'ok', 1), ('b', 40, 'sad', 2), ('c', 50, 'ok', null);
insert into orders (user_id, total, note) values (1, 5, 'first'), (1, 7, 'second'), (2, 0, 'third');
insert into days values (1, '2020-05-05');
refresh materialized view sums;
]]

---What the Workers do that are deployed.
classes.old_code = {
  "select id, email, name, age, mood, score from users",
  "insert into users (email) values ('new')",
  "insert into users (email, name, age, mood, score) values ('newer', 'n', 1, 'ok', 3) on conflict (email) do nothing",
  "update users set name = 'y', mood = 'sad' where id = 2",
  "insert into orders (user_id, total, note) values (1, 3, 'new')",
  "insert into orders (note) values ('without')",
  "update orders set total = total + 1 where id = 3",
  "delete from orders where id = 3",
  "delete from users where id = 3",
  "insert into counted default values",
  "select id, email from people where id = 1",
  "select user_id, total from sums",
  "select double(4)",
  "call tidy()",
  "select nextval('numbers')",
  "insert into days values (2, '2020-06-06')",
  "select id, day from days_old",
  "select id, day from spare",
  "select 'ok'::mood, 5::percent",
}

---What was there stays as it is.
classes.facts = {
  "select md5(string_agg(t::text, ',' order by id)) as v from (select id, email, name, age, mood, score from users where id <= 3) t",
  "select md5(string_agg(t::text, ',' order by id)) as v from (select id, user_id, total, note from orders where id <= 3) t",
  "select md5(string_agg(t::text, ',')) as v from days t",
  "select last_value::text as v from numbers",
  "select string_agg(enumlabel, ',' order by enumsortorder) as v from pg_enum where enumtypid = 'mood'::regtype",
  "select prosrc as v from pg_proc where proname = 'double'",
  "select pg_get_viewdef('people') as v",
  "select string_agg(conname, ',' order by conname) as v from pg_constraint "
    .. "where conrelid = any (array['users', 'orders']::regclass[]) and convalidated and conname !~ '^new|likes'",
  "select string_agg(indexrelid::regclass::text, ',' order by indexrelid::regclass::text) as v from pg_index "
    .. "where indrelid = any (array['users', 'orders', 'sums']::regclass[]) and indexrelid::regclass::text !~ '^new'",
  "select string_agg(tgname::text || tgenabled::text, ',' order by tgname) as v from pg_trigger "
    .. "where tgrelid = any (array['users', 'orders', 'spare']::regclass[]) and not tgisinternal",
  "select string_agg(polname, ',' order by polname) as v from pg_policy where polrelid = any (array['users', 'orders']::regclass[])",
  "select string_agg(rulename, ',' order by rulename) as v from pg_rules where schemaname = 'public'",
  "select string_agg(relname || relowner::text || relrowsecurity::text || relforcerowsecurity::text, ',' order by relname) as v "
    .. "from pg_class where oid = any (array['public.users', 'orders', 'people', 'spare']::regclass[])",
  "select string_agg(conname || connoinherit::text, ',' order by conname) as v "
    .. "from pg_constraint where contypid = 'percent'::regtype and convalidated",
  "select coalesce(string_agg(inhparent::regclass::text || '>' || inhrelid::regclass::text, ',' order by inhrelid), '') as v "
    .. "from pg_inherits "
    .. "where inhrelid = any (array['spare', 'days_old']::regclass[])",
  "select string_agg(typname, ',' order by typname) as v from pg_type where typname in ('mood', 'percent')",
  "select string_agg(attrelid::regclass::text || attname || attidentity::text || attgenerated::text || atthasdef::text, "
    .. "',' order by attrelid, attnum) as v "
    .. "from pg_attribute where attrelid in ('counted'::regclass, 'users'::regclass) and attnum between 1 and 6 and not (attname = 'age')",
}

classes.list = {
  -- New tables and what belongs to them.
  { "a", "create table fresh (id int primary key, at timestamptz default clock_timestamp())" },
  { "a", "CREATE TABLE IF NOT EXISTS \"fresh\" (\"id\" serial PRIMARY KEY NOT NULL)" },
  { "a", "create temp table t (id int)" },
  { "a", "create unlogged table t (id int)" },
  { "a", "create table t as select id, lower(email) as email from users" },
  { "u", "create table t as select id, double(id) as twice from users" },
  { "a", "create table t (like users including all)" },
  { "a", "create table t (id int, user_id int references users (id))" },
  { "aa", "create table t (id int); create index on t (id)" },
  { "aa", "create table t (id int); create unique index new_t on public.t (id)" },
  { "aa", "create table t (id int); alter table t add column n int not null" },
  { "aa", "create table t (id int); alter table t alter column id set not null, add primary key (id)" },
  { "aa", "create table t (id int); alter table \"t\" add constraint new_f foreign key (id) references users (id)" },
  { "aa", "create table t (id int); alter table public.t enable row level security" },
  { "aaa", "create table t (id int); alter table t rename to u; drop table u" },
  { "aaa", "create table t (id int); insert into t values (1); update t set id = 2" },
  { "aaa", "create table t (id int); delete from t; truncate t" },
  { "aa", "create table t (id int); create trigger x before insert on t for each row execute function noted()" },
  { "aa", "create table t (id int); create policy p on t using (true)" },
  { "aaa", "create table t (id int); create rule r as on insert to t do nothing; drop rule r on t" },
  { "aa", "create table t (id int); lock table t" },
  { "ab", "create table if not exists users (id int); alter table users drop column age" },
  { "aab", "create table t (id int); drop table t; drop table users cascade" },
  { "ab", "create table t (id int); drop table t, orders" },
  { "aa", "create schema s; create table s.users (id int)" },
  { "aab", "create schema s; create table s.users (id int); delete from users" },
  { "aaau", "create schema s; create table t (id int); set search_path = s, public; alter table t add check (id > 0)" },
  { "aaaa", "create schema s; set search_path = s, public; create table t (id int); alter table t add check (id > 0)" },
  { "aaa", "create schema s; create table t (id int); alter table t set schema s" },
  { "aaa", "create sequence new_s; alter sequence new_s restart with 5; drop sequence new_s" },
  { "aaa", "create type c as enum ('x'); alter type c add value 'y'; drop type c" },
  { "aaa", "create type c as (a int); alter type c add attribute b int; drop type if exists c" },
  { "aaa", "create domain d as int; alter domain d add check (value > 0); drop domain d" },
  { "aaa", "create view v as select 1 as one; create or replace view v as select 1 as one, 2 as two; drop view v" },
  { "aa", "create view v as select double(id) from users; comment on view v is 'x'" },
  { "aa", "create materialized view new_m as select id from users; create index on new_m (id)" },
  { "aa", "create function f() returns int language sql as 'select 1'; "
    .. "create or replace function f() returns int language sql as 'select 2'" },
  { "aa", "create function f(a int) returns int language sql begin atomic select case when a > 0 then 1 else 2 end; "
    .. "select 3; end; drop function f(int)" },
  { "aa", "create table t (id int primary key); create table u (id int references t (id) on delete cascade on update set null)" },
  { "a", "create table days_new partition of days for values from ('2021-01-01') to ('2022-01-01')" },
  { "a", "create collation new_c (locale = 'C')" },
  { "a", "create statistics new_s on id, email from users" },
  { "a", "create extension if not exists plpgsql" },
  { "a", "create role davit_writer" },
  { "a", "create aggregate total_of (int) (sfunc = int4pl, stype = int, initcond = '0')" },
  -- Columns that are added.
  { "a", "alter table users add column phone text" },
  { "a", "ALTER TABLE \"users\" ADD COLUMN IF NOT EXISTS \"phone\" varchar(20)" },
  { "a", "alter table if exists only users add phone text null" },
  { "a", "alter table users add column plan text not null default 'free'" },
  { "a", "alter table users add column n int default 5 not null, add column m int" },
  { "a", "alter table users add column at timestamptz not null default now()" },
  { "a", "alter table users add column at timestamptz default current_timestamp" },
  { "a", "alter table users add column tags text[] not null default '{}'::text[]" },
  { "a", "alter table users add column prefs jsonb not null default '{}'" },
  { "a", "alter table users add column n numeric(10, 2) default -1.5" },
  { "a", "alter table users add column likes int references orders (id)" },
  { "a", "alter table users add column m mood default 'ok'" },
  { "b", "alter table users add column plan text not null" },
  { "b", "alter table users add column plan text not null default null" },
  { "b", "alter table users add column plan text constraint given not null" },
  { "b", "alter table users add column n serial" },
  { "b", "alter table users add column n bigserial not null" },
  { "b", "alter table users add column n int generated always as identity" },
  { "b", "alter table users add column n int generated by default as identity" },
  { "b", "alter table users add column twice int generated always as (age * 2) stored" },
  { "b", "alter table users add column token uuid default gen_random_uuid()" },
  { "b", "alter table users add column token uuid not null default gen_random_uuid()" },
  { "b", "alter table users add column at timestamptz default clock_timestamp()" },
  { "b", "alter table users add column n float default random() not null" },
  { "b", "alter table users add column n bigint default nextval('numbers')" },
  { "b", "alter table users add column code text unique" },
  { "b", "alter table users add column code int primary key" },
  { "b", "alter table users add column n int default 1 check (n > 0)" },
  { "b", "alter table users add column boss int default 1 references users (id)" },
  { "b", "alter table users add column a int, add column b int not null" },
  { "u", "alter table users add column double int default double(4)" },
  -- Columns that change.
  { "b", "alter table users drop column age" },
  { "b", "alter table users drop age" },
  { "b", "ALTER TABLE \"users\" DROP COLUMN IF EXISTS \"name\" CASCADE" },
  { "b", "alter table users rename column name to full_name" },
  { "b", "alter table users rename name to full_name" },
  { "b", "alter table users alter column age type bigint" },
  { "b", "alter table orders alter note set data type varchar(2)" },
  { "b", "alter table orders alter note type varchar(80)" },
  { "b", "alter table users alter column name set not null" },
  { "a", "alter table users alter column email drop not null" },
  { "a", "alter table users alter column name set default 'z'" },
  { "b", "alter table users alter column name drop default" },
  { "a", "alter table users alter column name set statistics 500" },
  { "a", "alter table users alter column name set storage external" },
  { "b", "alter table counted alter column id drop identity" },
  { "b", "alter table counted alter column twice drop expression" },
  { "b", "alter table counted alter column id set generated by default" },
  -- Constraints.
  { "b", "alter table users add constraint new_c check (age > 10)" },
  { "b", "alter table users add check (age > 10)" },
  { "a", "alter table users add constraint new_c check (age > 0) not valid" },
  { "ab", "alter table users add constraint new_c check (age > 0) not valid; alter table users validate constraint new_c" },
  { "a", "alter table users validate constraint grown" },
  { "b", "alter table users add constraint new_u unique (name)" },
  { "b", "alter table users add unique (email, id)" },
  { "b", "alter table spare add primary key (id)" },
  { "b", "alter table orders add constraint new_f foreign key (id) references users (id)" },
  { "a", "alter table orders add constraint new_f foreign key (id) references users (id) not valid", "locks briefly" },
  { "b", "alter table users add constraint new_x exclude using btree (name with =)" },
  { "b", "alter table users drop constraint grown" },
  { "b", "alter table users drop constraint users_email_key" },
  { "b", "alter table users rename constraint grown to old_enough" },
  -- Tables.
  { "b", "drop table orders" },
  { "b", "drop table if exists public.users cascade" },
  { "b", "alter table users rename to people_of_ours" },
  { "bu", "alter table users rename to users_old; alter table users_old add column b int not null default random()" },
  { "b", "alter table orders set schema pg_temp" },
  { "b", "alter table users enable row level security" },
  { "b", "alter table users force row level security" },
  { "b", "alter table users owner to davit_reader" },
  { "b", "alter table orders disable trigger all" },
  { "b", "alter table days attach partition spare for values from ('2022-01-01') to ('2023-01-01')" },
  { "b", "alter table days detach partition days_old" },
  { "b", "alter table users set unlogged" },
  { "a", "alter table users set (fillfactor = 90)" },
  { "a", "alter table users reset (fillfactor)" },
  { "u", "alter table users replica identity full" },
  { "b", "truncate orders" },
  { "b", "truncate table only orders, spare" },
  { "ab", "create table t (id int); truncate t, orders" },
  { "b", "update users set name = 'all'" },
  { "b", "UPDATE \"public\".\"users\" AS u SET name = 'q' FROM orders o WHERE o.user_id = u.id" },
  { "b", "delete from orders where total < 6" },
  { "b", "delete from only orders using users where users.id = orders.user_id" },
  { "b", "merge into orders o using users u on u.id = o.user_id when matched then update set note = null" },
  { "b", "with gone as (delete from orders where id = 1 returning *) select count(*) from gone" },
  { "b", "with a as (select 1) update users set age = 1" },
  { "a", "insert into users (email, name) values ('seed', 'update users')" },
  { "a", "insert into users (email) select 'u' || id from users where email in ('a', 'b')" },
  { "a", "insert into users (email) values ('a') on conflict do nothing" },
  { "b", "insert into users (email) values ('a') on conflict (email) do update set name = 'changed'" },
  { "u", "insert into users (email, age) values ('x', double(7))" },
  { "a", "insert into public.users (email, age) values (concat('x', 'y'), greatest(7, 8)) returning id" },
  { "a", "with s (a, b) as (values ('p', 1), ('q', 2)) insert into users (email, age) select a, b from s" },
  { "u", "lock table users in access exclusive mode" },
  -- Indexes.
  { "b", "create index new_i on users (name)" },
  { "b", "create unique index new_i on users (email, name)" },
  { "b", "CREATE INDEX IF NOT EXISTS \"new_i\" ON \"users\" USING btree (\"name\")" },
  { "b", "create index on orders (note) where note is not null" },
  { "a", "create index concurrently if not exists new_i on users (name)" },
  { "a", "create unique index concurrently new_i on users (email, name)" },
  { "b", "drop index orders_note" },
  { "b", "drop index concurrently orders_note" },
  { "b", "alter index orders_note rename to orders_by_note" },
  { "a", "alter index orders_note set (fillfactor = 80)" },
  { "b", "reindex table users" },
  { "a", "reindex table concurrently users" },
  { "b", "cluster orders using orders_note" },
  -- Types, views, functions.
  { "b", "alter type mood add value 'great'" },
  { "b", "alter type mood add value if not exists 'great' before 'ok'" },
  { "b", "alter type mood rename value 'sad' to 'unhappy'" },
  { "b", "alter type mood rename to feeling" },
  { "b", "drop type mood cascade" },
  { "b", "alter domain percent add constraint new_d check (value < 2)" },
  { "a", "alter domain percent add constraint new_d check (value < 200) not valid" },
  { "a", "alter domain percent drop not null" },
  { "b", "alter domain percent drop constraint sane" },
  { "b", "drop domain percent cascade" },
  { "b", "drop view people" },
  { "b", "create or replace view people as select id, email, name from users" },
  { "b", "alter view people rename to persons" },
  { "b", "alter view people rename column email to mail" },
  { "b", "drop materialized view sums" },
  { "b", "refresh materialized view sums" },
  { "a", "refresh materialized view concurrently sums", "locks writes of the view alone" },
  { "b", "create or replace function double(int) returns int language sql as 'select $1 * 3'" },
  { "b", "drop function double(int)" },
  { "b", "alter function double(int) rename to twice" },
  { "b", "drop procedure tidy()" },
  { "b", "drop sequence numbers" },
  { "b", "alter sequence numbers restart with 1000" },
  { "u", "alter sequence numbers increment by 10" },
  { "a", "alter sequence numbers owned by users.id" },
  { "b", "drop schema public cascade" },
  { "b", "create trigger x before insert on users for each row execute function noted()" },
  { "b", "drop trigger tidied on orders" },
  { "b", "create rule r as on insert to users do instead nothing" },
  { "b", "create policy p on users as restrictive using (false)" },
  { "b", "drop policy mine on orders" },
  { "b", "drop owned by current_user" },
  -- Everything else.
  { "a", "select 1" },
  { "a", "select pg_catalog.set_config('search_path', 'public', false)" },
  { "a", "select a from users as u (a, b) where a in (select max(id) from orders) for update", "locks rows" },
  { "b", "select setval('numbers', 900)" },
  { "u", "select double(1)" },
  { "u", "select public.double(1)" },
  { "u", "do $$ begin null; end $$" },
  { "b", "do $body$ begin update users set name = $q$it's$q$; end $body$ language plpgsql" },
  { "u", "call tidy()" },
  { "a", "grant select on users to davit_reader" },
  { "u", "revoke select on users from davit_reader" },
  { "a", "comment on table users is 'drop table users;'" },
  { "a", "comment on column users.name is $$it's; /* not */ -- over$$" },
  { "a", "set lock_timeout = '5s'" },
  { "a", "set local statement_timeout = 0" },
  { "b", "set role davit_reader" },
  { "u", "set session_replication_role = replica" },
  { "u", "set standard_conforming_strings = off" },
  { "a", "analyze users" },
  { "a", "explain select * from users" },
  { "b", "explain analyze delete from orders" },
  { "a", "alter default privileges grant select on tables to davit_reader" },
  { "u", "alter default privileges revoke execute on functions from public" },
  { "u", "alter database postgres set work_mem = '8MB'" },
  { "u", "alter role davit_reader set work_mem = '8MB'" },
  { "u", "notify_somebody" , "is no SQL" },
  { "a", "notify somebody, 'x'" },
  -- What a reader must not be led astray by.
  { "a", "/* drop table users; /* nested */ ; */ select 1 -- ; drop table users" },
  { "a", "select 'a'';drop table users;' as \"x;\"\"y\"" },
  { "ab", "select E'\\'; select 1'; delete from orders" },
  { "abb", "select $1$ is no tag; $a$;$b$;$a$; drop table orders", "is no SQL" },
  { "aa", "select u&'d\\0061t;a'; select 1" },
  { "bb", "drop\n--x\ntable/**/orders;;; DELETE FROM users" },
  { "u", "select 'without an end; drop table users", "is no SQL" },
  { "u", "select 1 /* without an end", "is no SQL" },
  { "u", "insert into users (email) values ($tag$without an end$other$)", "is no SQL" },
}

return classes
