-- The shop of scripts/quickstart: about @rows rows in all, made by MariaDB's sequence engine.
-- Every common type, keys of several kinds, comments, generated columns, a view, a trigger.
set names utf8mb4;
set time_zone = '+00:00';
set @customers = greatest(100, @rows div 10);
set @products = greatest(100, @rows div 50);
set @orders = greatest(100, @rows * 27 div 100);
set @items = greatest(100, @rows * 45 div 100);
set @reviews = greatest(100, @rows div 20);
set @visits = greatest(100, @rows div 10);

create table countries (
    code char(2) not null primary key,
    name varchar(60) not null,
    vat decimal(5,2) not null
) comment 'where we deliver';
insert into countries values
    ('AT', 'Österreich', 20), ('BE', 'België', 21), ('CZ', 'Česko', 21), ('DE', 'Deutschland', 19),
    ('DK', 'Danmark', 25), ('ES', 'España', 21), ('FI', 'Suomi', 25.5), ('FR', 'France', 20),
    ('GR', 'Ελλάδα', 24), ('IT', 'Italia', 22), ('JP', '日本', 10), ('PL', 'Polska', 23);

create table customers (
    id int unsigned not null auto_increment primary key,
    country char(2) not null,
    name varchar(80) not null,
    email varchar(120) not null,
    born date,
    vip tinyint(1) not null default 0,
    tags set('newsletter','wholesale','beta','complains') not null default '',
    settings json,
    created timestamp not null default current_timestamp,
    unique key email (email),
    key country (country, name),
    constraint customers_country foreign key (country) references countries (code)
) comment 'people who buy; "quoted" and it''s fine';
insert into customers (country, name, email, born, vip, tags, settings, created)
    select elt(1 + seq % 12, 'AT','BE','CZ','DE','DK','ES','FI','FR','GR','IT','JP','PL'),
        concat(elt(1 + seq % 7, 'Åsa','José','Zoë','Łukasz','花子','Ελένη','Ann'), ' ', seq),
        concat('customer', seq, '@example.org'),
        if(seq % 11 = 0, null, date_add('1940-01-01', interval (seq * 37) % 25000 day)),
        seq % 20 = 0, seq % 16,
        if(seq % 4 = 0, null, json_object('theme', elt(1 + seq % 3, 'light', 'dark', 'auto'), 'font', seq % 20, 'beta', seq % 2 = 0)),
        timestampadd(second, seq * 61, '2020-01-01')
    from seq_1_to_100000000 where seq <= @customers;

create table products (
    sku varchar(16) not null primary key,
    title varchar(120) not null,
    kind enum('book','record','film','game') not null,
    price decimal(10,2) not null,
    weight_kg float,
    rating double,
    in_stock smallint unsigned not null default 0,
    barcode bigint unsigned not null,
    description text comment 'shown below the picture',
    thumbnail blob,
    released year,
    opens time,
    flags bit(8) not null default b'0',
    gross decimal(12,2) generated always as (price * 1.2) stored,
    unique key barcode (barcode),
    key kind_price (kind, price),
    fulltext key words (title, description)
) comment 'what we sell';
insert into products (sku, title, kind, price, weight_kg, rating, in_stock, barcode, description,
        thumbnail, released, opens, flags)
    select concat('SKU-', lpad(seq, 8, '0')), concat('Title no. ', seq, ' 😀'), 1 + seq % 4,
        (seq % 9999) / 100, (seq % 500) / 32, seq / 7, seq % 65536, 4000000000000 + seq,
        repeat(concat('Words about ', seq, '. '), 1 + seq % 12),
        if(seq % 3 = 0, null, repeat(unhex(md5(seq)), 1 + seq % 8)),
        1950 + seq % 75, sec_to_time(seq % 86400), seq % 256
    from seq_1_to_100000000 where seq <= @products;

create table orders (
    id bigint unsigned not null auto_increment primary key,
    customer_id int unsigned not null,
    status enum('new','paid','sent','returned') not null default 'new',
    placed datetime(6) not null,
    shipped datetime,
    total decimal(12,2) not null,
    note varchar(200),
    key customer (customer_id, placed),
    key placed (placed),
    constraint orders_customer foreign key (customer_id) references customers (id),
    constraint total_not_negative check (total >= 0)
);
insert into orders (customer_id, status, placed, shipped, total, note)
    select 1 + (seq * 7919) % @customers, 1 + seq % 4,
        timestampadd(microsecond, seq * 997, timestampadd(second, seq * 13, '2021-01-01')),
        if(seq % 4 = 0, null, timestampadd(second, seq * 13 + 86400, '2021-01-01')),
        (seq % 100000) / 100, if(seq % 6 = 0, concat('Please ring twice — № ', seq), null)
    from seq_1_to_100000000 where seq <= @orders;

create table order_items (
    order_id bigint unsigned not null,
    line smallint unsigned not null,
    sku varchar(16) not null,
    amount int not null,
    price decimal(10,2) not null,
    primary key (order_id, line),
    key sku (sku),
    constraint items_order foreign key (order_id) references orders (id) on delete cascade,
    constraint items_product foreign key (sku) references products (sku) on update cascade
);
insert into order_items
    select 1 + (seq - 1) % @orders, 1 + (seq - 1) div @orders,
        concat('SKU-', lpad(1 + (seq * 31) % @products, 8, '0')), 1 + seq % 9, (seq % 9999) / 100
    from seq_1_to_100000000 where seq <= @items;

create table reviews (
    id int not null auto_increment primary key,
    sku varchar(16) not null,
    customer_id int unsigned not null,
    stars tinyint unsigned not null,
    body mediumtext,
    likes mediumint not null default 0,
    written timestamp(3) null,
    constraint reviews_product foreign key (sku) references products (sku),
    constraint reviews_customer foreign key (customer_id) references customers (id)
);
insert into reviews (sku, customer_id, stars, body, likes, written)
    select concat('SKU-', lpad(1 + (seq * 17) % @products, 8, '0')), 1 + (seq * 104729) % @customers,
        1 + seq % 5, repeat(concat('Opinion ', seq, ' ¡qué bien! '), 1 + seq % 10), cast(seq % 1000 as signed) - 100,
        if(seq % 9 = 0, null, timestampadd(second, seq * 97, '2022-03-01'))
    from seq_1_to_100000000 where seq <= @reviews;

create table visits (
    at datetime(3) not null,
    address inet6 not null,
    session uuid not null,
    page varchar(100) not null,
    payload varbinary(64),
    key at (at)
) comment 'no key: rows may be twins';
insert into visits
    select timestampadd(second, seq % 100000, '2024-02-28'), concat('2001:db8::', hex(seq % 65536)),
        concat('5e551011-0000-4000-8000-', lpad(hex(seq % 50000), 12, '0')),
        concat('/p/', seq % 1000), unhex(sha1(seq))
    from seq_1_to_100000000 where seq <= @visits;

create view best_sellers as
    select sku, sum(amount) as sold from order_items group by sku order by sold desc limit 10;
create trigger reviews_likes before insert on reviews for each row set new.likes = ifnull(new.likes, 0);
