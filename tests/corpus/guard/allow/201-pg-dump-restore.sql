-- unhardened: opaque_code
-- What pg_dump -n tenant_alpha wrote, without CREATE SCHEMA.
--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: tenant_alpha; Type: SCHEMA; Schema: -; Owner: tenant_alpha
--




--
-- Name: d; Type: DOMAIN; Schema: tenant_alpha; Owner: tenant_alpha
--

CREATE DOMAIN tenant_alpha.d AS integer
	CONSTRAINT d_check CHECK ((VALUE > 0));


ALTER DOMAIN tenant_alpha.d OWNER TO tenant_alpha;

--
-- Name: mood; Type: TYPE; Schema: tenant_alpha; Owner: tenant_alpha
--

CREATE TYPE tenant_alpha.mood AS ENUM (
    'a',
    'b'
);


ALTER TYPE tenant_alpha.mood OWNER TO tenant_alpha;

--
-- Name: f(integer); Type: FUNCTION; Schema: tenant_alpha; Owner: tenant_alpha
--

CREATE FUNCTION tenant_alpha.f(integer) RETURNS integer
    LANGUAGE sql
    AS $_$select $1$_$;


ALTER FUNCTION tenant_alpha.f(integer) OWNER TO tenant_alpha;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: customers; Type: TABLE; Schema: tenant_alpha; Owner: tenant_alpha
--

CREATE TABLE tenant_alpha.customers (
    id integer NOT NULL,
    name text NOT NULL,
    email text
);


ALTER TABLE tenant_alpha.customers OWNER TO tenant_alpha;

--
-- Name: customers_id_seq; Type: SEQUENCE; Schema: tenant_alpha; Owner: tenant_alpha
--

CREATE SEQUENCE tenant_alpha.customers_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER TABLE tenant_alpha.customers_id_seq OWNER TO tenant_alpha;

--
-- Name: customers_id_seq; Type: SEQUENCE OWNED BY; Schema: tenant_alpha; Owner: tenant_alpha
--

ALTER SEQUENCE tenant_alpha.customers_id_seq OWNED BY tenant_alpha.customers.id;


--
-- Name: mv; Type: MATERIALIZED VIEW; Schema: tenant_alpha; Owner: tenant_alpha
--

CREATE MATERIALIZED VIEW tenant_alpha.mv AS
 SELECT 1 AS x
  WITH NO DATA;


ALTER TABLE tenant_alpha.mv OWNER TO tenant_alpha;

--
-- Name: tickets; Type: TABLE; Schema: tenant_alpha; Owner: tenant_alpha
--

CREATE TABLE tenant_alpha.tickets (
    id bigint NOT NULL,
    customer_id integer,
    title text,
    status text DEFAULT 'open'::text,
    created_at timestamp with time zone DEFAULT now()
);


ALTER TABLE tenant_alpha.tickets OWNER TO tenant_alpha;

--
-- Name: open_tickets; Type: VIEW; Schema: tenant_alpha; Owner: tenant_alpha
--

CREATE VIEW tenant_alpha.open_tickets AS
 SELECT tickets.id,
    tickets.customer_id,
    tickets.title,
    tickets.status,
    tickets.created_at
   FROM tenant_alpha.tickets
  WHERE (tickets.status = 'open'::text);


ALTER TABLE tenant_alpha.open_tickets OWNER TO tenant_alpha;

--
-- Name: part; Type: TABLE; Schema: tenant_alpha; Owner: tenant_alpha
--

CREATE TABLE tenant_alpha.part (
    a integer
)
PARTITION BY RANGE (a);


ALTER TABLE tenant_alpha.part OWNER TO tenant_alpha;

--
-- Name: part1; Type: TABLE; Schema: tenant_alpha; Owner: tenant_alpha
--

CREATE TABLE tenant_alpha.part1 (
    a integer
);


ALTER TABLE tenant_alpha.part1 OWNER TO tenant_alpha;

--
-- Name: tickets_id_seq; Type: SEQUENCE; Schema: tenant_alpha; Owner: tenant_alpha
--

ALTER TABLE tenant_alpha.tickets ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenant_alpha.tickets_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: part1; Type: TABLE ATTACH; Schema: tenant_alpha; Owner: tenant_alpha
--

ALTER TABLE ONLY tenant_alpha.part ATTACH PARTITION tenant_alpha.part1 FOR VALUES FROM (1) TO (10);


--
-- Name: customers id; Type: DEFAULT; Schema: tenant_alpha; Owner: tenant_alpha
--

ALTER TABLE ONLY tenant_alpha.customers ALTER COLUMN id SET DEFAULT nextval('tenant_alpha.customers_id_seq'::regclass);


--
-- Data for Name: customers; Type: TABLE DATA; Schema: tenant_alpha; Owner: tenant_alpha
--



--
-- Data for Name: part1; Type: TABLE DATA; Schema: tenant_alpha; Owner: tenant_alpha
--



--
-- Data for Name: tickets; Type: TABLE DATA; Schema: tenant_alpha; Owner: tenant_alpha
--



--
-- Name: customers_id_seq; Type: SEQUENCE SET; Schema: tenant_alpha; Owner: tenant_alpha
--

SELECT pg_catalog.setval('tenant_alpha.customers_id_seq', 1, false);


--
-- Name: tickets_id_seq; Type: SEQUENCE SET; Schema: tenant_alpha; Owner: tenant_alpha
--

SELECT pg_catalog.setval('tenant_alpha.tickets_id_seq', 1, false);


--
-- Name: customers customers_email_key; Type: CONSTRAINT; Schema: tenant_alpha; Owner: tenant_alpha
--

ALTER TABLE ONLY tenant_alpha.customers
    ADD CONSTRAINT customers_email_key UNIQUE (email);


--
-- Name: customers customers_pkey; Type: CONSTRAINT; Schema: tenant_alpha; Owner: tenant_alpha
--

ALTER TABLE ONLY tenant_alpha.customers
    ADD CONSTRAINT customers_pkey PRIMARY KEY (id);


--
-- Name: tickets tickets_pkey; Type: CONSTRAINT; Schema: tenant_alpha; Owner: tenant_alpha
--

ALTER TABLE ONLY tenant_alpha.tickets
    ADD CONSTRAINT tickets_pkey PRIMARY KEY (id);


--
-- Name: tickets_status_idx; Type: INDEX; Schema: tenant_alpha; Owner: tenant_alpha
--

CREATE INDEX tickets_status_idx ON tenant_alpha.tickets USING btree (status);


--
-- Name: st; Type: STATISTICS; Schema: tenant_alpha; Owner: tenant_alpha
--

CREATE STATISTICS tenant_alpha.st ON customer_id, status FROM tenant_alpha.tickets;


ALTER STATISTICS tenant_alpha.st OWNER TO tenant_alpha;

--
-- Name: tickets t; Type: TRIGGER; Schema: tenant_alpha; Owner: tenant_alpha
--

CREATE TRIGGER t BEFORE UPDATE ON tenant_alpha.tickets FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();


--
-- Name: tickets tickets_customer_id_fkey; Type: FK CONSTRAINT; Schema: tenant_alpha; Owner: tenant_alpha
--

ALTER TABLE ONLY tenant_alpha.tickets
    ADD CONSTRAINT tickets_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES tenant_alpha.customers(id);


--
-- Name: tickets p; Type: POLICY; Schema: tenant_alpha; Owner: tenant_alpha
--

CREATE POLICY p ON tenant_alpha.tickets USING (true);


--
-- Name: mv; Type: MATERIALIZED VIEW DATA; Schema: tenant_alpha; Owner: tenant_alpha
--

REFRESH MATERIALIZED VIEW tenant_alpha.mv;


--
-- PostgreSQL database dump complete
--
