-- A Prosody on loopback: no TLS, no other servers, nobody registers by himself.
-- prosody.py fills in the $$names; ENV_HERE is the folder this file lies in.

data_path = ENV_HERE .. "/data"
certificates = ENV_HERE .. "/data" -- there are none; silences a complaint
log = { info = "*console" }
plugin_paths = { ENV_HERE .. "/modules" } -- ours; prosody.py copies them there

interfaces = { "127.0.0.1" }
c2s_ports = { $c2s_port }
c2s_direct_tls_ports = {}
s2s_ports = {}
component_interfaces = { "127.0.0.1" }
component_ports = { $component_port }
http_interfaces = { "127.0.0.1" }
http_ports = { $http_port }
https_ports = {}
http_host = "localhost"

authentication = "internal_hashed"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
consider_bosh_secure = true
consider_websocket_secure = true
http_cors_override = {
	bosh = { enabled = true };
	websocket = { enabled = true };
}

-- The default reads 4 kB a turn and then sleeps: documents arrive 3-7 times slower.
network_default_read_size = 262144
-- The end of a document would wait for the client to acknowledge its beginning: 40 ms.
network_settings = { nagle = false }

-- "vcard", not "vcard4": the latter turns an account's DESC into NOTE.
modules_enabled = {
	"roster"; "saslauth"; "disco"; "private"; "vcard"; "pep"; "carbons"; "blocklist";
	"offline"; "ping"; "smacks"; "bosh"; "websocket"; "privilege";
}
modules_disabled = { "s2s" }

VirtualHost "$domain"
	-- Read inside a VirtualHost only. It lets the service keep its users' rosters.
	privileged_entities = {
$entities
	}
$companion
$more_hosts
Component "$component"
	component_secret = "$secret"
	-- Here too: without it the service is not told of its privileges.
	modules_enabled = { "privilege" }
