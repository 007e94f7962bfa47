BEGIN TRANSACTION;
CREATE TABLE baskets (
	n INTEGER NOT NULL, 
	id VARCHAR NOT NULL, 
	account VARCHAR NOT NULL, 
	token VARCHAR NOT NULL, 
	time VARCHAR NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (n), 
	UNIQUE (id)
);
INSERT INTO "baskets" VALUES(1,'job@2021-01-07T21:00:00.000000Z','paper','103576e82143c3774810b437f50876662078a51747a0a5f2707b3747512db570','2026-11-21T04:03:10.362919Z','{"account":"paper","as_of":"2021-01-07T21:00:00Z","book":"m","intents":[{"instrument":{"asset_class":"equity","currency":"USD","expiry":null,"lot":"1","multiplier":"1","right":null,"strike":null,"symbol":"AAA","tick":"0.01","underlying":null,"venue":"XNYS"},"limit_price":null,"quantity":"10","reason":"","side":"buy","stop_price":null,"time_in_force":"day","type":"market"},{"instrument":{"asset_class":"equity","currency":"USD","expiry":null,"lot":"1","multiplier":"1","right":null,"strike":null,"symbol":"BBB","tick":"0.01","underlying":null,"venue":"XNYS"},"limit_price":null,"quantity":"20","reason":"","side":"buy","stop_price":null,"time_in_force":"day","type":"market"}],"origin":"job","run":"r1","slot":"2021-01-07T21:00:00Z","snapshot":"snap"}');
INSERT INTO "baskets" VALUES(2,'job@2021-01-14T21:00:00.000000Z','paper','78b2d7d896f5f8cb047bdae4247110174fee03c424a665078c76da0c735dfa22','2026-11-21T04:03:10.460920Z','{"account":"paper","as_of":"2021-01-14T21:00:00Z","book":"m","intents":[{"instrument":{"asset_class":"equity","currency":"USD","expiry":null,"lot":"1","multiplier":"1","right":null,"strike":null,"symbol":"AAA","tick":"0.01","underlying":null,"venue":"XNYS"},"limit_price":null,"quantity":"4","reason":"","side":"sell","stop_price":null,"time_in_force":"day","type":"market"}],"origin":"job","run":"r1","slot":"2021-01-14T21:00:00Z","snapshot":"snap"}');
CREATE TABLE clocks (
	account VARCHAR NOT NULL, 
	target VARCHAR NOT NULL, 
	done VARCHAR NOT NULL, 
	PRIMARY KEY (account)
);
INSERT INTO "clocks" VALUES('paper','2021-01-15T21:00:00.000000Z','2021-01-15T21:00:00.000000Z');
CREATE TABLE heads (
	chain VARCHAR NOT NULL, 
	n INTEGER NOT NULL, 
	hash VARCHAR NOT NULL, 
	PRIMARY KEY (chain)
);
INSERT INTO "heads" VALUES('system',8,'bf6186761e647263fa85d29091c0a9e0a87e638e8df7110ead994c0fcb38cc77');
INSERT INTO "heads" VALUES('paper',24,'3039a9dab1049eb3f9d00630bf8f0a23aa078a08418c58ed16430342b48af7ca');
CREATE TABLE heartbeats (
	name VARCHAR NOT NULL, 
	holder VARCHAR NOT NULL, 
	at FLOAT NOT NULL, 
	note VARCHAR NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "heartbeats" VALUES('desk:paper','laptop:16500:1229043',1.79523379033114480977e+09,'epoch 1');
CREATE TABLE journal (
	seq INTEGER NOT NULL, 
	chain VARCHAR NOT NULL, 
	n INTEGER NOT NULL, 
	time VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	"key" VARCHAR, 
	body TEXT NOT NULL, 
	prev VARCHAR NOT NULL, 
	hash VARCHAR NOT NULL, 
	PRIMARY KEY (seq), 
	UNIQUE (chain, n), 
	UNIQUE (chain, "key")
);
INSERT INTO "journal" VALUES(1,'system',1,'2026-11-21T04:03:10.030352Z','account.opened','account:paper','{"account_class":"paper","broker":"paper","calendar":"XNYS","clock":"replay","costs":{"commission_bps":"1","min_commission":"0","slippage_bps":"5"},"currency":"USD","limits":{"max_gross":1.0,"max_order_weight":0.6,"max_orders":200,"max_position_weight":0.6,"restricted":[]},"name":"paper","source":"sample"}','0000000000000000000000000000000000000000000000000000000000000000','9ecd893f647d787dbe9a5771307d8a0b89d027e65b437bb37c9563d85e31bfff');
INSERT INTO "journal" VALUES(2,'system',2,'2026-11-21T04:03:10.293902Z','promotion',NULL,'{"account_class":"paper","binding":{"notebook":"cells","parameters":"parameters","sources":"sources"},"evidence":"run","notebook":"n.ipynb","public_key":"61b7d2dec5940441307d9b471579a28761d7cca48a00cd5d6d1f8ccc75508fbb","signature":"0400338b8f2c765d6c609493299db72769c98293bbf70d56eccc844419a14ecd4aad14398c8f1010e83cf288634f45b552c2a02d51899eea657de53f991b140b","time":"2026-11-21T04:03:10.287831Z","who":"me"}','9ecd893f647d787dbe9a5771307d8a0b89d027e65b437bb37c9563d85e31bfff','fc7b9047fa9ef7bffa3de94d9f4723d6425a67da3984fbc28d88c2c1c1d8c30c');
INSERT INTO "journal" VALUES(3,'paper',1,'2026-11-21T04:03:10.319926Z','desk.started',NULL,'{"epoch":1,"holder":"laptop:16500:1229043"}','0000000000000000000000000000000000000000000000000000000000000000','4f087bc453592cf4101c2dd542a139f7734455b625ed38444349ef0e7028aab0');
INSERT INTO "journal" VALUES(4,'paper',2,'2026-11-21T04:03:10.327912Z','cash','cash:m:100000','{"amount":"100000","book":"m","key":"cash:m:100000","request":1,"why":"test"}','4f087bc453592cf4101c2dd542a139f7734455b625ed38444349ef0e7028aab0','db2d11c3ca7be5718396473bf6f8cf55ba90486bc49f9088239377f7de3b0a82');
INSERT INTO "journal" VALUES(5,'paper',3,'2026-11-21T04:03:10.329942Z','reconciled',NULL,'{"at":"2021-01-07T21:00:00.000000Z"}','db2d11c3ca7be5718396473bf6f8cf55ba90486bc49f9088239377f7de3b0a82','8fc18beae1d541f97c8f5989ad3036d650e93e3a2639c6a468620ed23a8c6662');
INSERT INTO "journal" VALUES(6,'paper',4,'2026-11-21T04:03:10.338169Z','reconciled',NULL,'{"at":"2021-01-07T21:00:00.000000Z"}','8fc18beae1d541f97c8f5989ad3036d650e93e3a2639c6a468620ed23a8c6662','651fc547e8acc6b8f9124a778f8fd96d82e41bf220d7744eb99c5a15ed954400');
INSERT INTO "journal" VALUES(7,'system',3,'2026-11-21T04:03:10.348690Z','run',NULL,'{"attempt":1,"basket":"","binding":{"notebook":"cells","parameters":"parameters","sources":"sources"},"ended":null,"error":"","id":"r3","job":"job","ledger_seq":0,"lock":"","mode":"paper","notebook":"n.ipynb","output":"","parameters":{"top":2},"results":{},"slot":"2021-01-07T21:00:00.000000Z","snapshot":"","started":"2026-11-21T04:03:10.346471Z","status":"running"}','fc7b9047fa9ef7bffa3de94d9f4723d6425a67da3984fbc28d88c2c1c1d8c30c','e05df0dc17db784adbd290377eaa3e8313b016739e7b1dbdf206a331ca31b53b');
INSERT INTO "journal" VALUES(8,'system',4,'2026-11-21T04:03:10.353503Z','run',NULL,'{"attempt":1,"basket":"","binding":{"notebook":"cells","parameters":"parameters","sources":"sources"},"ended":null,"error":"","id":"r3","job":"job","ledger_seq":0,"lock":"","mode":"paper","notebook":"n.ipynb","output":"","parameters":{"top":2},"results":{},"slot":"2021-01-07T21:00:00.000000Z","snapshot":"","started":"2026-11-21T04:03:10.346471Z","status":"succeeded"}','e05df0dc17db784adbd290377eaa3e8313b016739e7b1dbdf206a331ca31b53b','8a68a446219c1f28e80519314568986a11ec63c15c7828f4b79fb0578a494d6d');
INSERT INTO "journal" VALUES(9,'paper',5,'2026-11-21T04:03:10.380441Z','verdict','verdict:job@2021-01-07T21:00:00.000000Z','{"basket":{"account":"paper","as_of":"2021-01-07T21:00:00Z","book":"m","intents":[{"instrument":{"asset_class":"equity","currency":"USD","expiry":null,"lot":"1","multiplier":"1","right":null,"strike":null,"symbol":"AAA","tick":"0.01","underlying":null,"venue":"XNYS"},"limit_price":null,"quantity":"10","reason":"","side":"buy","stop_price":null,"time_in_force":"day","type":"market"},{"instrument":{"asset_class":"equity","currency":"USD","expiry":null,"lot":"1","multiplier":"1","right":null,"strike":null,"symbol":"BBB","tick":"0.01","underlying":null,"venue":"XNYS"},"limit_price":null,"quantity":"20","reason":"","side":"buy","stop_price":null,"time_in_force":"day","type":"market"}],"origin":"job","run":"r1","slot":"2021-01-07T21:00:00Z","snapshot":"snap"},"decisions":[{"approved":true,"leg":0,"limit":"","rule":"limits","symbol":"AAA","value":""},{"approved":true,"leg":1,"limit":"","rule":"limits","symbol":"BBB","value":""}],"inbox":1}','651fc547e8acc6b8f9124a778f8fd96d82e41bf220d7744eb99c5a15ed954400','5c34979d1c969e6509b3d2a59b7c32b03b5c6979a7ce9cb0c941b54b6f6dc93a');
INSERT INTO "journal" VALUES(10,'paper',6,'2026-11-21T04:03:10.384767Z','order','order:db1908f99c5d20f647f4','{"order":{"account":"paper","attempt":1,"basket":"job@2021-01-07T21:00:00.000000Z","book":"m","client_id":"db1908f99c5d20f647f4","filled":"0","intent":{"instrument":{"asset_class":"equity","currency":"USD","expiry":null,"lot":"1","multiplier":"1","right":null,"strike":null,"symbol":"AAA","tick":"0.01","underlying":null,"venue":"XNYS"},"limit_price":null,"quantity":"10","reason":"","side":"buy","stop_price":null,"time_in_force":"day","type":"market"},"leg":0,"reason":"","status":"approved","time":"2021-01-07T21:00:00Z"}}','5c34979d1c969e6509b3d2a59b7c32b03b5c6979a7ce9cb0c941b54b6f6dc93a','8d64c60334124c610cab6572b8967866a59231c22370bf7e934c177f7c06b192');
INSERT INTO "journal" VALUES(11,'paper',7,'2026-11-21T04:03:10.385435Z','order','order:01ab26c647f857e5ac4d','{"order":{"account":"paper","attempt":1,"basket":"job@2021-01-07T21:00:00.000000Z","book":"m","client_id":"01ab26c647f857e5ac4d","filled":"0","intent":{"instrument":{"asset_class":"equity","currency":"USD","expiry":null,"lot":"1","multiplier":"1","right":null,"strike":null,"symbol":"BBB","tick":"0.01","underlying":null,"venue":"XNYS"},"limit_price":null,"quantity":"20","reason":"","side":"buy","stop_price":null,"time_in_force":"day","type":"market"},"leg":1,"reason":"","status":"approved","time":"2021-01-07T21:00:00Z"}}','8d64c60334124c610cab6572b8967866a59231c22370bf7e934c177f7c06b192','50a774feed967a1c3b5a5da58875a4c9a645b2ddfde07d38e79764bbed6ae873');
INSERT INTO "journal" VALUES(12,'paper',8,'2026-11-21T04:03:10.392111Z','status',NULL,'{"client_id":"db1908f99c5d20f647f4","reason":"","status":"sending"}','50a774feed967a1c3b5a5da58875a4c9a645b2ddfde07d38e79764bbed6ae873','455d146cdd8fdf750b3463a06e72e9a5e5bc8fc62b337c96e248cf54b0e93916');
INSERT INTO "journal" VALUES(13,'paper',9,'2026-11-21T04:03:10.395167Z','status',NULL,'{"client_id":"db1908f99c5d20f647f4","reason":"","status":"accepted"}','455d146cdd8fdf750b3463a06e72e9a5e5bc8fc62b337c96e248cf54b0e93916','cbbe010964f2828babc234b0bd866be785a8ed8e4030913dd655e95b5180e2d5');
INSERT INTO "journal" VALUES(14,'paper',10,'2026-11-21T04:03:10.396857Z','status',NULL,'{"client_id":"01ab26c647f857e5ac4d","reason":"","status":"sending"}','cbbe010964f2828babc234b0bd866be785a8ed8e4030913dd655e95b5180e2d5','5161f317174c68c55c2a11bb633ec5a641e2ca9d957fc14f592dc84a323e8afe');
INSERT INTO "journal" VALUES(15,'paper',11,'2026-11-21T04:03:10.400526Z','status',NULL,'{"client_id":"01ab26c647f857e5ac4d","reason":"","status":"accepted"}','5161f317174c68c55c2a11bb633ec5a641e2ca9d957fc14f592dc84a323e8afe','c36d8a31b6abeb27c0e45f8045a88ea4878a149ed9d1377c8bdc9b050d8e2bd7');
INSERT INTO "journal" VALUES(16,'paper',12,'2026-11-21T04:03:10.412563Z','fill','fill:db1908f99c5d20f647f4#1','{"fill":{"account":"paper","book":"m","client_id":"db1908f99c5d20f647f4","execution_id":"db1908f99c5d20f647f4#1","fee":"0.0987","instrument":{"asset_class":"equity","currency":"USD","expiry":null,"lot":"1","multiplier":"1","right":null,"strike":null,"symbol":"AAA","tick":"0.01","underlying":null,"venue":"XNYS"},"price":"98.709330","quantity":"10","side":"buy","time":"2021-01-08T21:00:00Z"},"number":1}','c36d8a31b6abeb27c0e45f8045a88ea4878a149ed9d1377c8bdc9b050d8e2bd7','c652a8e090825e1c526fa564f296fa191e945a42a18f80c54081c24b66f7528d');
INSERT INTO "journal" VALUES(17,'paper',13,'2026-11-21T04:03:10.413232Z','fill','fill:01ab26c647f857e5ac4d#1','{"fill":{"account":"paper","book":"m","client_id":"01ab26c647f857e5ac4d","execution_id":"01ab26c647f857e5ac4d#1","fee":"0.1008","instrument":{"asset_class":"equity","currency":"USD","expiry":null,"lot":"1","multiplier":"1","right":null,"strike":null,"symbol":"BBB","tick":"0.01","underlying":null,"venue":"XNYS"},"price":"50.395185","quantity":"20","side":"buy","time":"2021-01-08T21:00:00Z"},"number":2}','c652a8e090825e1c526fa564f296fa191e945a42a18f80c54081c24b66f7528d','f93ea2339fc99fdbafd95f2509a398a6c87f9b656efcf03dd7681fe6622d6218');
INSERT INTO "journal" VALUES(18,'paper',14,'2026-11-21T04:03:10.415474Z','status',NULL,'{"client_id":"db1908f99c5d20f647f4","reason":"","status":"filled"}','f93ea2339fc99fdbafd95f2509a398a6c87f9b656efcf03dd7681fe6622d6218','e0e864f1575d8f18c75bc14b79071437e6e851d9df4d7625756a766be8d8b7b5');
INSERT INTO "journal" VALUES(19,'paper',15,'2026-11-21T04:03:10.420707Z','status',NULL,'{"client_id":"01ab26c647f857e5ac4d","reason":"","status":"filled"}','e0e864f1575d8f18c75bc14b79071437e6e851d9df4d7625756a766be8d8b7b5','c368f65ea31e9190ea6e298985966f530e479f74f2c6c40fca175354016be38b');
INSERT INTO "journal" VALUES(20,'paper',16,'2026-11-21T04:03:10.425634Z','reconciled',NULL,'{"at":"2021-01-08T21:00:00.000000Z"}','c368f65ea31e9190ea6e298985966f530e479f74f2c6c40fca175354016be38b','5884926af1a1572af091d5d3b813dc10ba67aad6d5faa890b46773af636ea97f');
INSERT INTO "journal" VALUES(21,'paper',17,'2026-11-21T04:03:10.441162Z','reconciled',NULL,'{"at":"2021-01-14T21:00:00.000000Z"}','5884926af1a1572af091d5d3b813dc10ba67aad6d5faa890b46773af636ea97f','aca87f8b93ed61e4cf0ac468c843838ad42b08c4a78fb5c8ba47a2b82fa41931');
INSERT INTO "journal" VALUES(22,'system',5,'2026-11-21T04:03:10.446580Z','run',NULL,'{"attempt":1,"basket":"","binding":{"notebook":"cells","parameters":"parameters","sources":"sources"},"ended":null,"error":"","id":"r8","job":"job","ledger_seq":0,"lock":"","mode":"paper","notebook":"n.ipynb","output":"","parameters":{"top":2},"results":{},"slot":"2021-01-14T21:00:00.000000Z","snapshot":"","started":"2026-11-21T04:03:10.446263Z","status":"running"}','8a68a446219c1f28e80519314568986a11ec63c15c7828f4b79fb0578a494d6d','cb6bac2c4999da0743e9fb77f539a068f778c0b4aa90e3e30752bd5c78b081a1');
INSERT INTO "journal" VALUES(23,'system',6,'2026-11-21T04:03:10.447871Z','run',NULL,'{"attempt":1,"basket":"","binding":{"notebook":"cells","parameters":"parameters","sources":"sources"},"ended":null,"error":"","id":"r8","job":"job","ledger_seq":0,"lock":"","mode":"paper","notebook":"n.ipynb","output":"","parameters":{"top":2},"results":{},"slot":"2021-01-14T21:00:00.000000Z","snapshot":"","started":"2026-11-21T04:03:10.446263Z","status":"succeeded"}','cb6bac2c4999da0743e9fb77f539a068f778c0b4aa90e3e30752bd5c78b081a1','0c53f451fca4fb241bcf47c7d658f9ea4deb94d2fe40809d5f7d989fdfa718b3');
INSERT INTO "journal" VALUES(24,'paper',18,'2026-11-21T04:03:10.470851Z','verdict','verdict:job@2021-01-14T21:00:00.000000Z','{"basket":{"account":"paper","as_of":"2021-01-14T21:00:00Z","book":"m","intents":[{"instrument":{"asset_class":"equity","currency":"USD","expiry":null,"lot":"1","multiplier":"1","right":null,"strike":null,"symbol":"AAA","tick":"0.01","underlying":null,"venue":"XNYS"},"limit_price":null,"quantity":"4","reason":"","side":"sell","stop_price":null,"time_in_force":"day","type":"market"}],"origin":"job","run":"r1","slot":"2021-01-14T21:00:00Z","snapshot":"snap"},"decisions":[{"approved":true,"leg":0,"limit":"","rule":"limits","symbol":"AAA","value":""}],"inbox":2}','aca87f8b93ed61e4cf0ac468c843838ad42b08c4a78fb5c8ba47a2b82fa41931','178711c40289a3c2712868d1aa80c197bbf3a29391bdc9a407e1fd4b251fa2f1');
INSERT INTO "journal" VALUES(25,'paper',19,'2026-11-21T04:03:10.471707Z','order','order:95915f47ac4ed214d705','{"order":{"account":"paper","attempt":1,"basket":"job@2021-01-14T21:00:00.000000Z","book":"m","client_id":"95915f47ac4ed214d705","filled":"0","intent":{"instrument":{"asset_class":"equity","currency":"USD","expiry":null,"lot":"1","multiplier":"1","right":null,"strike":null,"symbol":"AAA","tick":"0.01","underlying":null,"venue":"XNYS"},"limit_price":null,"quantity":"4","reason":"","side":"sell","stop_price":null,"time_in_force":"day","type":"market"},"leg":0,"reason":"","status":"approved","time":"2021-01-14T21:00:00Z"}}','178711c40289a3c2712868d1aa80c197bbf3a29391bdc9a407e1fd4b251fa2f1','57746efb2ebc7cad11b901935d97a67e42553564e2379be6c627475d99abb3c7');
INSERT INTO "journal" VALUES(26,'paper',20,'2026-11-21T04:03:10.476581Z','status',NULL,'{"client_id":"95915f47ac4ed214d705","reason":"","status":"sending"}','57746efb2ebc7cad11b901935d97a67e42553564e2379be6c627475d99abb3c7','ae241a694f54a5855a17f4116e338486b8509d57d08a464a9855ae2cea3397ea');
INSERT INTO "journal" VALUES(27,'paper',21,'2026-11-21T04:03:10.482614Z','status',NULL,'{"client_id":"95915f47ac4ed214d705","reason":"","status":"accepted"}','ae241a694f54a5855a17f4116e338486b8509d57d08a464a9855ae2cea3397ea','b21a2e43b2312e6eead118a516c97b9c6e73eb60039b96dae7f75378714dfd08');
INSERT INTO "journal" VALUES(28,'paper',22,'2026-11-21T04:03:10.493772Z','fill','fill:95915f47ac4ed214d705#1','{"fill":{"account":"paper","book":"m","client_id":"95915f47ac4ed214d705","execution_id":"95915f47ac4ed214d705#1","fee":"0.0387","instrument":{"asset_class":"equity","currency":"USD","expiry":null,"lot":"1","multiplier":"1","right":null,"strike":null,"symbol":"AAA","tick":"0.01","underlying":null,"venue":"XNYS"},"price":"96.831560","quantity":"4","side":"sell","time":"2021-01-15T21:00:00Z"},"number":3}','b21a2e43b2312e6eead118a516c97b9c6e73eb60039b96dae7f75378714dfd08','188288ef0cf4d3a3b9299400be06e785caa2351e4f8f2d4ce4a02678c727e650');
INSERT INTO "journal" VALUES(29,'paper',23,'2026-11-21T04:03:10.500249Z','status',NULL,'{"client_id":"95915f47ac4ed214d705","reason":"","status":"filled"}','188288ef0cf4d3a3b9299400be06e785caa2351e4f8f2d4ce4a02678c727e650','d536c5357b94bd2ff0d0fe8af08544cd8885e20fa296996205d3387af2804fd3');
INSERT INTO "journal" VALUES(30,'paper',24,'2026-11-21T04:03:10.505559Z','reconciled',NULL,'{"at":"2021-01-15T21:00:00.000000Z"}','d536c5357b94bd2ff0d0fe8af08544cd8885e20fa296996205d3387af2804fd3','3039a9dab1049eb3f9d00630bf8f0a23aa078a08418c58ed16430342b48af7ca');
INSERT INTO "journal" VALUES(31,'system',7,'2026-11-21T04:03:10.528389Z','halt',NULL,'{"reason":"storm","scope":"ALL","who":"analyst"}','0c53f451fca4fb241bcf47c7d658f9ea4deb94d2fe40809d5f7d989fdfa718b3','bad7e70783a3a1220ece421c490c2268f04b8ee04969f2c5e085376e120621f0');
INSERT INTO "journal" VALUES(32,'system',8,'2026-11-21T04:03:10.531061Z','resume',NULL,'{"reason":"over","scope":"ALL","who":"analyst"}','bad7e70783a3a1220ece421c490c2268f04b8ee04969f2c5e085376e120621f0','bf6186761e647263fa85d29091c0a9e0a87e638e8df7110ead994c0fcb38cc77');
CREATE TABLE leases (
	account VARCHAR NOT NULL, 
	holder VARCHAR NOT NULL, 
	epoch INTEGER NOT NULL, 
	expires FLOAT NOT NULL, 
	PRIMARY KEY (account)
);
INSERT INTO "leases" VALUES('paper','laptop:16500:1229043',1,1.79523385030453920367e+09);
CREATE TABLE meta (
	"key" VARCHAR NOT NULL, 
	value VARCHAR, 
	PRIMARY KEY ("key")
);
INSERT INTO "meta" VALUES('version','1');
CREATE TABLE requests (
	n INTEGER NOT NULL, 
	"key" VARCHAR NOT NULL, 
	account VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (n), 
	UNIQUE ("key")
);
INSERT INTO "requests" VALUES(1,'cash:m:100000','paper','cash','{"amount":"100000","book":"m","why":"test"}');
CREATE TABLE slots (
	job VARCHAR NOT NULL, 
	slot VARCHAR NOT NULL, 
	run VARCHAR NOT NULL, 
	attempt INTEGER NOT NULL, 
	holder VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	at FLOAT NOT NULL, 
	PRIMARY KEY (job, slot)
);
INSERT INTO "slots" VALUES('job','2021-01-07T21:00:00.000000Z','r3',1,'laptop:16500:1229043','succeeded',1.79523379035427069661e+09);
INSERT INTO "slots" VALUES('job','2021-01-14T21:00:00.000000Z','r8',1,'laptop:16500:1229043','succeeded',1.7952337904492089749e+09);
CREATE TABLE switches (
	scope VARCHAR NOT NULL, 
	halted BOOLEAN NOT NULL, 
	reason VARCHAR NOT NULL, 
	PRIMARY KEY (scope)
);
INSERT INTO "switches" VALUES('ALL',0,'over');
CREATE TABLE tokens (
	hash VARCHAR NOT NULL, 
	run VARCHAR NOT NULL, 
	origin VARCHAR NOT NULL, 
	slot VARCHAR NOT NULL, 
	account VARCHAR NOT NULL, 
	book VARCHAR NOT NULL, 
	binding VARCHAR NOT NULL, 
	expires FLOAT NOT NULL, 
	PRIMARY KEY (hash)
);
INSERT INTO "tokens" VALUES('103576e82143c3774810b437f50876662078a51747a0a5f2707b3747512db570','r1','job','2021-01-07T21:00:00.000000Z','paper','m','e951887168d303692e67d3d9a4d558d7249ae5c0003ff20d1d204134fd18b953',1.79523385036001777645e+09);
INSERT INTO "tokens" VALUES('78b2d7d896f5f8cb047bdae4247110174fee03c424a665078c76da0c735dfa22','r1','job','2021-01-14T21:00:00.000000Z','paper','m','e951887168d303692e67d3d9a4d558d7249ae5c0003ff20d1d204134fd18b953',1.79523385045867013933e+09);
CREATE INDEX journal_kind ON journal (chain, kind);
CREATE INDEX ix_baskets_account ON baskets (account);
CREATE INDEX ix_requests_account ON requests (account);
CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
COMMIT;
