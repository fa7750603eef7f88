CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE alerts (
	id VARCHAR(20) NOT NULL, 
	deployment VARCHAR(100) NOT NULL, 
	monitor VARCHAR(120) NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	goal VARCHAR(100) NOT NULL, 
	model_ref VARCHAR(120) NOT NULL, 
	severity VARCHAR(20) NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	raised_at BIGINT NOT NULL, 
	seen_at BIGINT NOT NULL, 
	first_bad BIGINT NOT NULL, 
	window_start BIGINT NOT NULL, 
	window_end BIGINT NOT NULL, 
	cause TEXT NOT NULL, 
	value FLOAT NOT NULL, 
	"limit" FLOAT NOT NULL, 
	bound FLOAT NOT NULL, 
	evaluation VARCHAR(20) NOT NULL, 
	clean INTEGER NOT NULL, 
	resolved_at BIGINT, 
	why TEXT NOT NULL, 
	handled_by VARCHAR(100) NOT NULL, 
	judged VARCHAR(10) NOT NULL, 
	CONSTRAINT pk_alerts PRIMARY KEY (id)
);
CREATE INDEX ix_alerts_deployment ON alerts (deployment);
CREATE INDEX ix_alerts_state ON alerts (state);
CREATE TABLE aliases (
	model VARCHAR(256) NOT NULL, 
	alias VARCHAR(255) NOT NULL, 
	version INTEGER NOT NULL, 
	CONSTRAINT pk_aliases PRIMARY KEY (model, alias)
);
CREATE TABLE approvals (
	id VARCHAR(20) NOT NULL, 
	subject VARCHAR(300) NOT NULL, 
	content VARCHAR(80) NOT NULL, 
	asked_by VARCHAR(100) NOT NULL, 
	authors TEXT NOT NULL, 
	asked_at BIGINT NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	decided_by VARCHAR(100) DEFAULT '' NOT NULL, 
	decided_at BIGINT, 
	reason TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_approvals PRIMARY KEY (id)
);
CREATE INDEX ix_approvals_subject ON approvals (subject);
CREATE TABLE assessments (
	id VARCHAR(40) NOT NULL, 
	trace VARCHAR(128) NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	body TEXT NOT NULL, 
	made_at BIGINT NOT NULL, 
	changed_at BIGINT NOT NULL, 
	CONSTRAINT pk_assessments PRIMARY KEY (id)
);
CREATE INDEX ix_assessments_trace ON assessments (trace);
CREATE TABLE attestations (
	id VARCHAR(20) NOT NULL, 
	model VARCHAR(256) NOT NULL, 
	claim TEXT NOT NULL, 
	given_at BIGINT NOT NULL, 
	digest VARCHAR(80) NOT NULL, 
	signature VARCHAR(128) NOT NULL, 
	"key" VARCHAR(80) NOT NULL, 
	withdrawn_by VARCHAR(200) DEFAULT '' NOT NULL, 
	withdrawn_at BIGINT, 
	withdrawn_why TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_attestations PRIMARY KEY (id)
);
CREATE INDEX ix_attestations_model ON attestations (model);
CREATE TABLE brakes (
	deployment VARCHAR(100) NOT NULL, 
	stopped_by VARCHAR(100) NOT NULL, 
	why TEXT NOT NULL, 
	stopped_at BIGINT NOT NULL, 
	CONSTRAINT pk_brakes PRIMARY KEY (deployment)
);
CREATE TABLE check_findings (
	address VARCHAR(80) NOT NULL, 
	result TEXT NOT NULL, 
	CONSTRAINT pk_check_findings PRIMARY KEY (address)
);
CREATE TABLE checkpoints (
	size BIGINT NOT NULL, 
	frontier BLOB NOT NULL, 
	root BLOB NOT NULL, 
	"key" VARCHAR(80) NOT NULL, 
	signature BLOB NOT NULL, 
	CONSTRAINT pk_checkpoints PRIMARY KEY (size)
);
CREATE TABLE commits_seen (
	branch VARCHAR(200) NOT NULL, 
	"commit" VARCHAR(64) NOT NULL, 
	seen_at BIGINT NOT NULL, 
	CONSTRAINT pk_commits_seen PRIMARY KEY (branch, "commit")
);
CREATE TABLE cursors (
	reader VARCHAR(300) NOT NULL, 
	seq BIGINT NOT NULL, 
	CONSTRAINT pk_cursors PRIMARY KEY (reader)
);
CREATE TABLE dataset_branches (
	dataset VARCHAR(100) NOT NULL, 
	branch VARCHAR(100) NOT NULL, 
	version INTEGER NOT NULL, 
	CONSTRAINT pk_dataset_branches PRIMARY KEY (dataset, branch)
);
CREATE TABLE dataset_records (
	dataset VARCHAR(100) NOT NULL, 
	version INTEGER NOT NULL, 
	record VARCHAR(80) NOT NULL, 
	is_held BOOLEAN NOT NULL, 
	CONSTRAINT pk_dataset_records PRIMARY KEY (dataset, version)
);
CREATE TABLE dataset_versions (
	name VARCHAR(100) NOT NULL, 
	version INTEGER NOT NULL, 
	digest VARCHAR(80) NOT NULL, 
	path TEXT NOT NULL, 
	is_file BOOLEAN NOT NULL, 
	files BIGINT NOT NULL, 
	size BIGINT NOT NULL, 
	rows BIGINT, 
	columns TEXT NOT NULL, 
	branch VARCHAR(100) NOT NULL, 
	parents TEXT NOT NULL, 
	message TEXT NOT NULL, 
	taken_by VARCHAR(100) NOT NULL, 
	taken_at BIGINT NOT NULL, 
	CONSTRAINT pk_dataset_versions PRIMARY KEY (name, version)
);
CREATE INDEX ix_dataset_versions_digest ON dataset_versions (digest);
CREATE TABLE decisions (
	deployment VARCHAR(100) NOT NULL, 
	number INTEGER NOT NULL, 
	look INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	decision TEXT NOT NULL, 
	CONSTRAINT pk_decisions PRIMARY KEY (deployment, number, look)
);
CREATE TABLE described_datasets (
	number INTEGER NOT NULL, 
	experiment BIGINT NOT NULL, 
	name VARCHAR(500) NOT NULL, 
	digest VARCHAR(36) NOT NULL, 
	source_type TEXT NOT NULL, 
	source TEXT NOT NULL, 
	schema TEXT, 
	profile TEXT, 
	CONSTRAINT pk_described_datasets PRIMARY KEY (number), 
	CONSTRAINT uq_described_datasets_experiment_name_digest UNIQUE (experiment, name, digest)
);
CREATE TABLE evaluations (
	id VARCHAR(20) NOT NULL, 
	deployment VARCHAR(100) NOT NULL, 
	as_of BIGINT NOT NULL, 
	evaluated_at BIGINT NOT NULL, 
	"plan" VARCHAR(80) NOT NULL, 
	model_ref VARCHAR(120) NOT NULL, 
	findings TEXT NOT NULL, 
	CONSTRAINT pk_evaluations PRIMARY KEY (id), 
	CONSTRAINT uq_evaluations_deployment_as_of UNIQUE (deployment, as_of)
);
CREATE TABLE events (
	seq BIGINT NOT NULL, 
	id VARCHAR(36) NOT NULL, 
	at BIGINT NOT NULL, 
	type VARCHAR(80) NOT NULL, 
	subject VARCHAR(600) NOT NULL, 
	actor VARCHAR(200) NOT NULL, 
	on_behalf_of VARCHAR(200) NOT NULL, 
	why TEXT NOT NULL, 
	"before" VARCHAR(300) NOT NULL, 
	"after" VARCHAR(300) NOT NULL, 
	data TEXT NOT NULL, 
	leaf BLOB NOT NULL, 
	CONSTRAINT pk_events PRIMARY KEY (seq), 
	CONSTRAINT uq_events_id UNIQUE (id)
);
CREATE INDEX ix_events_subject ON events (subject);
CREATE INDEX ix_events_type ON events (type);
CREATE TABLE experiment_tags (
	experiment INTEGER NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value TEXT NOT NULL, 
	CONSTRAINT pk_experiment_tags PRIMARY KEY (experiment, "key")
);
CREATE TABLE experiments (
	number INTEGER NOT NULL, 
	name VARCHAR(500) NOT NULL, 
	artifacts TEXT NOT NULL, 
	life VARCHAR(20) NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	CONSTRAINT pk_experiments PRIMARY KEY (number), 
	CONSTRAINT uq_experiments_name UNIQUE (name)
);
CREATE TABLE feature_versions (
	name VARCHAR(100) NOT NULL, 
	version INTEGER NOT NULL, 
	digest VARCHAR(80) NOT NULL, 
	definition TEXT NOT NULL, 
	run VARCHAR(20) NOT NULL, 
	defined_by VARCHAR(200) NOT NULL, 
	defined_at BIGINT NOT NULL, 
	CONSTRAINT pk_feature_versions PRIMARY KEY (name, version)
);
CREATE INDEX ix_feature_versions_digest ON feature_versions (digest);
CREATE TABLE forgotten_runs (
	run VARCHAR(20) NOT NULL, 
	"by" VARCHAR(200) NOT NULL, 
	at BIGINT NOT NULL, 
	why TEXT NOT NULL, 
	CONSTRAINT pk_forgotten_runs PRIMARY KEY (run)
);
CREATE TABLE forgotten_versions (
	dataset VARCHAR(100) NOT NULL, 
	version INTEGER NOT NULL, 
	"by" VARCHAR(100) NOT NULL, 
	at BIGINT NOT NULL, 
	why TEXT NOT NULL, 
	even_if_named BOOLEAN NOT NULL, 
	CONSTRAINT pk_forgotten_versions PRIMARY KEY (dataset, version)
);
CREATE TABLE imported (
	source VARCHAR(80) NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	id VARCHAR(300) NOT NULL, 
	mark VARCHAR(80) NOT NULL, 
	place BIGINT NOT NULL, 
	points BIGINT NOT NULL, 
	CONSTRAINT pk_imported PRIMARY KEY (source, kind, id)
)
 WITHOUT ROWID

;
CREATE TABLE journal_segments (
	name VARCHAR(40) NOT NULL, 
	first_at BIGINT NOT NULL, 
	last_at BIGINT NOT NULL, 
	records BIGINT NOT NULL, 
	rows BIGINT NOT NULL, 
	bytes BIGINT NOT NULL, 
	digest VARCHAR(80) NOT NULL, 
	sealed_at BIGINT NOT NULL, 
	CONSTRAINT pk_journal_segments PRIMARY KEY (name)
);
CREATE TABLE latest_points (
	run INTEGER NOT NULL, 
	metric INTEGER NOT NULL, 
	step BIGINT NOT NULL, 
	at BIGINT NOT NULL, 
	value FLOAT NOT NULL, 
	is_nan SMALLINT NOT NULL, 
	CONSTRAINT pk_latest_points PRIMARY KEY (run, metric)
)
 WITHOUT ROWID

;
CREATE INDEX ix_latest_points_value ON latest_points (metric, is_nan, value, run);
CREATE TABLE leases (
	name VARCHAR(200) NOT NULL, 
	holder VARCHAR(40) NOT NULL, 
	fence BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	CONSTRAINT pk_leases PRIMARY KEY (name)
);
CREATE TABLE logged_model_params (
	model INTEGER NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value TEXT NOT NULL, 
	CONSTRAINT pk_logged_model_params PRIMARY KEY (model, "key")
)
 WITHOUT ROWID

;
CREATE TABLE logged_model_points (
	model INTEGER NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	at BIGINT NOT NULL, 
	step BIGINT NOT NULL, 
	run VARCHAR(256) NOT NULL, 
	dataset_digest VARCHAR(255) NOT NULL, 
	value FLOAT NOT NULL, 
	is_nan SMALLINT NOT NULL, 
	dataset VARCHAR(500) NOT NULL, 
	CONSTRAINT pk_logged_model_points PRIMARY KEY (model, "key", at, step, run, dataset_digest, value, is_nan)
)
 WITHOUT ROWID

;
CREATE INDEX ix_logged_model_points_key ON logged_model_points ("key", model);
CREATE TABLE logged_model_tags (
	model INTEGER NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value TEXT NOT NULL, 
	CONSTRAINT pk_logged_model_tags PRIMARY KEY (model, "key")
)
 WITHOUT ROWID

;
CREATE TABLE logged_models (
	number INTEGER NOT NULL, 
	id VARCHAR(256) NOT NULL, 
	experiment BIGINT NOT NULL, 
	name VARCHAR(500) NOT NULL, 
	kind VARCHAR(500) NOT NULL, 
	run VARCHAR(256) NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	life VARCHAR(20) NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	artifacts TEXT NOT NULL, 
	CONSTRAINT pk_logged_models PRIMARY KEY (number), 
	CONSTRAINT uq_logged_models_id UNIQUE (id)
);
CREATE INDEX ix_logged_models_named ON logged_models (experiment, name);
CREATE INDEX ix_logged_models_newest ON logged_models (experiment, created_at, id);
CREATE INDEX ix_logged_models_run ON logged_models (run);
CREATE TABLE metric_names (
	number INTEGER NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	CONSTRAINT pk_metric_names PRIMARY KEY (number), 
	CONSTRAINT uq_metric_names_name UNIQUE (name)
);
CREATE TABLE model_tags (
	model VARCHAR(256) NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value TEXT NOT NULL, 
	CONSTRAINT pk_model_tags PRIMARY KEY (model, "key")
);
CREATE TABLE model_versions (
	model VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	digest VARCHAR(80) NOT NULL, 
	run VARCHAR(256) NOT NULL, 
	manifest TEXT NOT NULL, 
	registered_by VARCHAR(100) NOT NULL, 
	registered_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	life VARCHAR(20) DEFAULT 'active' NOT NULL, 
	description TEXT DEFAULT '' NOT NULL, 
	stage VARCHAR(20) DEFAULT '' NOT NULL, 
	source TEXT DEFAULT '' NOT NULL, 
	location TEXT DEFAULT '' NOT NULL, 
	logged_model VARCHAR(256) DEFAULT '' NOT NULL, 
	run_link TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_model_versions PRIMARY KEY (model, version)
);
CREATE INDEX ix_model_versions_digest ON model_versions (digest);
CREATE INDEX ix_model_versions_run ON model_versions (run);
CREATE TABLE monitor_cursors (
	journal VARCHAR(200) NOT NULL, 
	cursor TEXT NOT NULL, 
	CONSTRAINT pk_monitor_cursors PRIMARY KEY (journal)
);
CREATE TABLE monitor_hours (
	deployment VARCHAR(100) NOT NULL, 
	hour BIGINT NOT NULL, 
	model_ref VARCHAR(120) NOT NULL, 
	counts BLOB NOT NULL, 
	CONSTRAINT pk_monitor_hours PRIMARY KEY (deployment, hour, model_ref)
);
CREATE TABLE monitor_index (
	request VARCHAR(64) NOT NULL, 
	release INTEGER NOT NULL, 
	deployment VARCHAR(100) NOT NULL, 
	model_ref VARCHAR(120) NOT NULL, 
	hour BIGINT NOT NULL, 
	rows BLOB NOT NULL, 
	CONSTRAINT pk_monitor_index PRIMARY KEY (request, release)
);
CREATE TABLE passwords (
	person VARCHAR(100) NOT NULL, 
	hash VARCHAR(300) NOT NULL, 
	set_at BIGINT NOT NULL, 
	CONSTRAINT pk_passwords PRIMARY KEY (person)
);
CREATE TABLE people (
	name VARCHAR(100) NOT NULL, 
	roles TEXT NOT NULL, 
	added_at BIGINT NOT NULL, 
	number INTEGER NOT NULL, 
	origin VARCHAR(20) NOT NULL, 
	CONSTRAINT pk_people PRIMARY KEY (name), 
	CONSTRAINT uq_people_number UNIQUE (number)
);
CREATE TABLE plans (
	version INTEGER NOT NULL, 
	digest VARCHAR(80) NOT NULL, 
	"plan" TEXT NOT NULL, 
	metrics TEXT NOT NULL, 
	adopted_by VARCHAR(100) NOT NULL, 
	adopted_at BIGINT NOT NULL, 
	"commit" VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_plans PRIMARY KEY (version)
);
CREATE INDEX ix_plans_digest ON plans (digest);
CREATE TABLE points (
	run INTEGER NOT NULL, 
	metric INTEGER NOT NULL, 
	step BIGINT NOT NULL, 
	at BIGINT NOT NULL, 
	value FLOAT NOT NULL, 
	is_nan SMALLINT NOT NULL, 
	CONSTRAINT pk_points PRIMARY KEY (run, metric, step, at, value, is_nan)
)
 WITHOUT ROWID

;
CREATE TABLE proposals (
	id VARCHAR(20) NOT NULL, 
	deployment VARCHAR(100) NOT NULL, 
	goal VARCHAR(100) NOT NULL, 
	cause VARCHAR(40) NOT NULL, 
	alert VARCHAR(40) NOT NULL, 
	model VARCHAR(100) NOT NULL, 
	proposed_at BIGINT NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	run VARCHAR(20) DEFAULT '' NOT NULL, 
	candidate VARCHAR(120) DEFAULT '' NOT NULL, 
	release INTEGER DEFAULT '0' NOT NULL, 
	ended_at BIGINT, 
	why TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_proposals PRIMARY KEY (id), 
	CONSTRAINT uq_proposals_cause UNIQUE (cause)
);
CREATE INDEX ix_proposals_deployment ON proposals (deployment);
CREATE TABLE registered_models (
	name VARCHAR(256) NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	life VARCHAR(20) NOT NULL, 
	last INTEGER NOT NULL, 
	description TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	CONSTRAINT pk_registered_models PRIMARY KEY (name)
);
CREATE TABLE releases (
	deployment VARCHAR(100) NOT NULL, 
	number INTEGER NOT NULL, 
	model VARCHAR(100) NOT NULL, 
	version INTEGER NOT NULL, 
	verdict VARCHAR(20) NOT NULL, 
	approval VARCHAR(20) NOT NULL, 
	strategy VARCHAR(20) NOT NULL, 
	weight FLOAT NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	requested_by VARCHAR(100) NOT NULL, 
	requested_at BIGINT NOT NULL, 
	started_at BIGINT, 
	ended_at BIGINT, 
	previous INTEGER DEFAULT '0' NOT NULL, 
	why TEXT DEFAULT '' NOT NULL, 
	steps TEXT DEFAULT '[]' NOT NULL, 
	step INTEGER DEFAULT '0' NOT NULL, 
	stepped_at BIGINT, 
	paused BOOLEAN DEFAULT '0' NOT NULL, 
	starts_at BIGINT, 
	override TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_releases PRIMARY KEY (deployment, number)
);
CREATE INDEX ix_releases_model ON releases (model);
CREATE UNIQUE INDEX uq_releases_canary ON releases (deployment) WHERE state = 'canary';
CREATE UNIQUE INDEX uq_releases_live ON releases (deployment) WHERE state = 'live';
CREATE TABLE reproductions (
	id VARCHAR(20) NOT NULL, 
	run VARCHAR(20) NOT NULL, 
	outcome VARCHAR(30) NOT NULL, 
	tolerance FLOAT NOT NULL, 
	environment VARCHAR(20) NOT NULL, 
	packages TEXT NOT NULL, 
	steps INTEGER NOT NULL, 
	differences TEXT NOT NULL, 
	missing TEXT NOT NULL, 
	seconds FLOAT NOT NULL, 
	folder TEXT NOT NULL, 
	reproduced_by VARCHAR(200) NOT NULL, 
	reproduced_at BIGINT NOT NULL, 
	CONSTRAINT pk_reproductions PRIMARY KEY (id)
);
CREATE INDEX ix_reproductions_run ON reproductions (run);
CREATE TABLE run_datasets (
	run INTEGER NOT NULL, 
	dataset INTEGER NOT NULL, 
	context VARCHAR(500), 
	tags TEXT NOT NULL, 
	CONSTRAINT pk_run_datasets PRIMARY KEY (run, dataset)
)
 WITHOUT ROWID

;
CREATE INDEX ix_run_datasets_dataset ON run_datasets (dataset, context);
CREATE TABLE run_features (
	run VARCHAR(20) NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	digest VARCHAR(80) NOT NULL, 
	CONSTRAINT pk_run_features PRIMARY KEY (run, name)
);
CREATE INDEX ix_run_features_digest ON run_features (digest);
CREATE TABLE run_metrics (
	run VARCHAR(20) NOT NULL, 
	step VARCHAR(150) NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	value FLOAT NOT NULL, 
	at BIGINT NOT NULL, 
	CONSTRAINT pk_run_metrics PRIMARY KEY (run, step, name)
);
CREATE TABLE run_models (
	run INTEGER NOT NULL, 
	way VARCHAR(10) NOT NULL, 
	model VARCHAR(256) NOT NULL, 
	step BIGINT NOT NULL, 
	CONSTRAINT pk_run_models PRIMARY KEY (run, way, model)
)
 WITHOUT ROWID

;
CREATE INDEX ix_run_models_model ON run_models (model);
CREATE TABLE run_outlines (
	run VARCHAR(20) NOT NULL, 
	steps TEXT NOT NULL, 
	CONSTRAINT pk_run_outlines PRIMARY KEY (run)
);
CREATE TABLE run_params (
	run INTEGER NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value TEXT NOT NULL, 
	CONSTRAINT pk_run_params PRIMARY KEY (run, "key")
)
 WITHOUT ROWID

;
CREATE INDEX ix_run_params_value ON run_params ("key", value, run);
CREATE TABLE run_requests (
	id VARCHAR(20) NOT NULL, 
	pipeline VARCHAR(100) NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	cause VARCHAR(200) NOT NULL, 
	reason TEXT NOT NULL, 
	parameters TEXT NOT NULL, 
	partition VARCHAR(100) NOT NULL, 
	asked_by VARCHAR(200) NOT NULL, 
	asked_at BIGINT NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	run VARCHAR(20) NOT NULL, 
	attempts INTEGER NOT NULL, 
	process TEXT, 
	beat_at BIGINT, 
	not_before BIGINT, 
	ended_at BIGINT, 
	error TEXT, 
	CONSTRAINT pk_run_requests PRIMARY KEY (id), 
	CONSTRAINT uq_run_requests_cause UNIQUE (cause), 
	CONSTRAINT uq_run_requests_run UNIQUE (run)
);
CREATE INDEX ix_run_requests_pipeline_asked_at ON run_requests (pipeline, asked_at);
CREATE INDEX ix_run_requests_state ON run_requests (state);
CREATE TABLE run_tags (
	run INTEGER NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value TEXT NOT NULL, 
	CONSTRAINT pk_run_tags PRIMARY KEY (run, "key")
)
 WITHOUT ROWID

;
CREATE INDEX ix_run_tags_value ON run_tags ("key", value, run);
CREATE TABLE run_texts (
	run INTEGER NOT NULL, 
	text BLOB NOT NULL, 
	CONSTRAINT pk_run_texts PRIMARY KEY (run)
);
CREATE TABLE runs (
	id VARCHAR(20) NOT NULL, 
	pipeline VARCHAR(100) NOT NULL, 
	model VARCHAR(100) NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	parameters TEXT NOT NULL, 
	"commit" VARCHAR(64) NOT NULL, 
	dirty BOOLEAN NOT NULL, 
	source VARCHAR(80) NOT NULL, 
	code VARCHAR(80) NOT NULL, 
	data TEXT NOT NULL, 
	environment VARCHAR(80) NOT NULL, 
	caused_by VARCHAR(200) NOT NULL, 
	reason TEXT DEFAULT '' NOT NULL, 
	sweep VARCHAR(20) DEFAULT '' NOT NULL, 
	partition VARCHAR(100) DEFAULT '' NOT NULL, 
	started_by VARCHAR(200) NOT NULL, 
	started_at BIGINT NOT NULL, 
	ended_at BIGINT, 
	error TEXT, 
	candidate TEXT, 
	process TEXT NOT NULL, 
	beat_at BIGINT NOT NULL, 
	cancelled_by VARCHAR(200) DEFAULT '' NOT NULL, 
	CONSTRAINT pk_runs PRIMARY KEY (id)
);
CREATE INDEX ix_runs_caused_by ON runs (caused_by);
CREATE INDEX ix_runs_pipeline ON runs (pipeline);
CREATE INDEX ix_runs_started_at ON runs (started_at);
CREATE INDEX ix_runs_state ON runs (state);
CREATE INDEX ix_runs_sweep ON runs (sweep);
CREATE TABLE schedules (
	pipeline VARCHAR(100) NOT NULL, 
	schedule VARCHAR(200) NOT NULL, 
	timezone VARCHAR(100) NOT NULL, 
	looked_at BIGINT NOT NULL, 
	paused_at BIGINT, 
	paused_by VARCHAR(200) NOT NULL, 
	why TEXT NOT NULL, 
	CONSTRAINT pk_schedules PRIMARY KEY (pipeline)
);
CREATE TABLE spans (
	trace VARCHAR(128) NOT NULL, 
	id VARCHAR(32) NOT NULL, 
	parent VARCHAR(32) NOT NULL, 
	started_ns BIGINT NOT NULL, 
	ended_ns BIGINT NOT NULL, 
	failed BOOLEAN NOT NULL, 
	body TEXT NOT NULL, 
	CONSTRAINT pk_spans PRIMARY KEY (trace, id)
)
 WITHOUT ROWID

;
CREATE TABLE step_attempts (
	run VARCHAR(20) NOT NULL, 
	position INTEGER NOT NULL, 
	item INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	step VARCHAR(150) NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	started_at BIGINT NOT NULL, 
	seconds FLOAT NOT NULL, 
	cpu_seconds FLOAT NOT NULL, 
	peak_memory BIGINT NOT NULL, 
	worker VARCHAR(300) NOT NULL, 
	exit VARCHAR(100) NOT NULL, 
	error TEXT, 
	log VARCHAR(80) NOT NULL, 
	CONSTRAINT pk_step_attempts PRIMARY KEY (run, position, item, number)
);
CREATE TABLE step_cache (
	"key" VARCHAR(80) NOT NULL, 
	step VARCHAR(100) NOT NULL, 
	run VARCHAR(20) NOT NULL, 
	outputs TEXT NOT NULL, 
	components TEXT NOT NULL, 
	seconds FLOAT NOT NULL, 
	created_at BIGINT NOT NULL, 
	opened TEXT NOT NULL, 
	CONSTRAINT pk_step_cache PRIMARY KEY ("key")
);
CREATE INDEX ix_step_cache_step ON step_cache (step, created_at);
CREATE TABLE step_runs (
	run VARCHAR(20) NOT NULL, 
	position INTEGER NOT NULL, 
	step VARCHAR(150) NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	cached BOOLEAN NOT NULL, 
	"key" VARCHAR(80) NOT NULL, 
	why TEXT NOT NULL, 
	seconds FLOAT NOT NULL, 
	started_at BIGINT NOT NULL, 
	place VARCHAR(300) NOT NULL, 
	outputs TEXT, 
	item INTEGER NOT NULL, 
	items INTEGER NOT NULL, 
	reused INTEGER NOT NULL, 
	attempts INTEGER NOT NULL, 
	cpu_seconds FLOAT NOT NULL, 
	peak_memory BIGINT NOT NULL, 
	worker VARCHAR(300) NOT NULL, 
	log VARCHAR(80) NOT NULL, 
	CONSTRAINT pk_step_runs PRIMARY KEY (run, position, item)
);
CREATE TABLE tokens (
	id VARCHAR(20) NOT NULL, 
	person VARCHAR(100) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	made_by VARCHAR(100) NOT NULL, 
	made_at BIGINT NOT NULL, 
	expires_at BIGINT, 
	revoked_at BIGINT, 
	scopes TEXT NOT NULL, 
	CONSTRAINT pk_tokens PRIMARY KEY (id)
);
CREATE INDEX ix_tokens_person ON tokens (person);
CREATE TABLE trace_links (
	trace VARCHAR(128) NOT NULL, 
	"key" VARCHAR(10) NOT NULL, 
	value VARCHAR(500) NOT NULL, 
	CONSTRAINT pk_trace_links PRIMARY KEY (trace, "key", value)
)
 WITHOUT ROWID

;
CREATE INDEX ix_trace_links_value ON trace_links (value, "key");
CREATE TABLE trace_metadata (
	trace VARCHAR(128) NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value TEXT NOT NULL, 
	CONSTRAINT pk_trace_metadata PRIMARY KEY (trace, "key")
)
 WITHOUT ROWID

;
CREATE TABLE trace_tags (
	trace VARCHAR(128) NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value TEXT NOT NULL, 
	CONSTRAINT pk_trace_tags PRIMARY KEY (trace, "key")
)
 WITHOUT ROWID

;
CREATE TABLE traces (
	id VARCHAR(128) NOT NULL, 
	experiment BIGINT NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	started_at BIGINT NOT NULL, 
	took BIGINT, 
	client_request TEXT, 
	request_preview TEXT, 
	response_preview TEXT, 
	CONSTRAINT pk_traces PRIMARY KEY (id)
);
CREATE INDEX ix_traces_newest ON traces (experiment, started_at, id);
CREATE TABLE tracked_files (
	folder VARCHAR(1000) NOT NULL, 
	name VARCHAR(1000) NOT NULL, 
	digest VARCHAR(80) NOT NULL, 
	size BIGINT NOT NULL, 
	at BIGINT NOT NULL, 
	CONSTRAINT pk_tracked_files PRIMARY KEY (folder, name)
)
 WITHOUT ROWID

;
CREATE TABLE tracked_runs (
	number INTEGER NOT NULL, 
	id VARCHAR(256) NOT NULL, 
	experiment BIGINT NOT NULL, 
	name VARCHAR(500) NOT NULL, 
	user VARCHAR(256) NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	life VARCHAR(20) NOT NULL, 
	started_at BIGINT NOT NULL, 
	ended_at BIGINT, 
	deleted_at BIGINT, 
	artifacts TEXT NOT NULL, 
	beat_at BIGINT NOT NULL, 
	lease BIGINT NOT NULL, 
	CONSTRAINT pk_tracked_runs PRIMARY KEY (number), 
	CONSTRAINT uq_tracked_runs_id UNIQUE (id)
);
CREATE INDEX ix_tracked_runs_all ON tracked_runs (started_at, id, experiment, life, state, ended_at, name);
CREATE INDEX ix_tracked_runs_beat ON tracked_runs (state, beat_at);
CREATE INDEX ix_tracked_runs_newest ON tracked_runs (experiment, started_at, id, life);
CREATE TABLE verdicts (
	id VARCHAR(20) NOT NULL, 
	model_ref VARCHAR(300) NOT NULL, 
	model VARCHAR(80) NOT NULL, 
	"plan" VARCHAR(80) NOT NULL, 
	gate VARCHAR(20) NOT NULL, 
	outcome VARCHAR(10) NOT NULL, 
	statement TEXT NOT NULL, 
	digest VARCHAR(80) NOT NULL, 
	signature VARCHAR(128) NOT NULL, 
	"key" VARCHAR(80) NOT NULL, 
	given_by VARCHAR(100) NOT NULL, 
	given_at BIGINT NOT NULL, 
	seconds FLOAT NOT NULL, 
	CONSTRAINT pk_verdicts PRIMARY KEY (id)
);
CREATE INDEX ix_verdicts_model ON verdicts (model);
CREATE INDEX ix_verdicts_model_ref ON verdicts (model_ref);
CREATE TABLE version_tags (
	model VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value TEXT NOT NULL, 
	CONSTRAINT pk_version_tags PRIMARY KEY (model, version, "key")
);
CREATE TABLE waiting_labels (
	prediction VARCHAR(200) NOT NULL, 
	request VARCHAR(200) NOT NULL, 
	deployment VARCHAR(100) NOT NULL, 
	value INTEGER NOT NULL, 
	known_at BIGINT NOT NULL, 
	received_at BIGINT NOT NULL, 
	CONSTRAINT pk_waiting_labels PRIMARY KEY (prediction)
);
CREATE INDEX ix_waiting_labels_deployment ON waiting_labels (deployment);
CREATE INDEX ix_waiting_labels_request ON waiting_labels (request);
CREATE TABLE waivers (
	id VARCHAR(20) NOT NULL, 
	model_ref VARCHAR(300) NOT NULL, 
	model VARCHAR(80) NOT NULL, 
	"check" VARCHAR(200) NOT NULL, 
	reason TEXT NOT NULL, 
	given_by VARCHAR(100) NOT NULL, 
	given_at BIGINT NOT NULL, 
	until BIGINT NOT NULL, 
	withdrawn_at BIGINT, 
	CONSTRAINT pk_waivers PRIMARY KEY (id)
);
CREATE INDEX ix_waivers_model_ref ON waivers (model_ref);
CREATE TABLE webhook_deliveries (
	number INTEGER NOT NULL, 
	id VARCHAR(36) NOT NULL, 
	webhook VARCHAR(36) NOT NULL, 
	event VARCHAR(80) NOT NULL, 
	at BIGINT NOT NULL, 
	body TEXT NOT NULL, 
	CONSTRAINT pk_webhook_deliveries PRIMARY KEY (number), 
	CONSTRAINT uq_webhook_deliveries_id UNIQUE (id)
);
CREATE INDEX ix_webhook_deliveries_webhook ON webhook_deliveries (webhook, number);
CREATE TABLE webhooks (
	id VARCHAR(36) NOT NULL, 
	name VARCHAR(63) NOT NULL, 
	url TEXT NOT NULL, 
	events TEXT NOT NULL, 
	description TEXT NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	sealed BLOB, 
	made_by VARCHAR(200) NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	failures INTEGER NOT NULL, 
	retry_at BIGINT, 
	delivered_at BIGINT, 
	last_error TEXT NOT NULL, 
	CONSTRAINT pk_webhooks PRIMARY KEY (id)
);
INSERT INTO alembic_version VALUES ('0001')
