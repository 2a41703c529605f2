# What tests of nodes share: read behind lib.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154 # db: of new_databases

connection_of() { # NAME PLUGIN URL: what it says, as words of a file
    [[ $3 =~ ://([^:]*):([^@]*)@([^:]*):([0-9]+)/([^?]*) ]]
    printf '%s = { plugin = "%s"; ' "$1" "$2"
    printf 'user = "%s"; password = "%s"; host = "%s"; port = %s; database = "%s"; };\n' \
        "${BASH_REMATCH[@]:1}"
}

pipeline_file() { # NAME [MODE] [WORDS OF THE WRITER] [TRANSPORT]: in $dir/pipes
    cat >"$dir/pipes/.$1" <<CFG
connections = { $(connection_of from mysql "$SRC") $(connection_of to postgres "$DST") };
pipeline = {
  name = "$1"; mode = "${2:-replicate}";
  reader = { source = { connection = "from"; }; lanes = 1; bundle_rows = 10; };
  transport = { ${4:-plugin = \"memory\";} };
  writer = { sink = { connection = "to"; }; lanes = 1; ${3:-} };
};
CFG
    chmod 600 "$dir/pipes/.$1"
    mv "$dir/pipes/.$1" "$dir/pipes/$1.cfg"
}

field() { runnel pipelines show "$1" --json 2>/dev/null | jq -r "$2"; } # NAME FIELD
is() { [ "$(field "$1" "$2")" = "$3" ]; }                           # NAME FIELD VALUE
knows() { is "$1" .pipeline "$1"; }
gone() { ! kill -0 "$1" 2>/dev/null; }
loading() { [ "$(field "$1" '.status.rows_written // 0')" -gt 100 ]; }
follows() { is "$1" .status.phase following; }
worker_of() { field "$1" ".workers[] | select(.role == \"$2\") | .pid // empty"; } # NAME ROLE
has_worker() { [ -n "$(worker_of "$1" "$2")" ]; }

many_rows() { # COUNT
    source_sql "$db" -e "create table many (id int primary key, v varchar(100));
        insert into many select seq, repeat('x', 90) from seq_1_to_$1"
}
