-- allow

CREATE TABLE user_account (
	id SERIAL NOT NULL, 
	name VARCHAR(30) NOT NULL, 
	data JSONB NOT NULL, 
	tags VARCHAR[], 
	state state, 
	PRIMARY KEY (id), 
	UNIQUE (name)
)

