-- Rosters in bulk, and news of accounts, for one external component: XMPP Service.
-- For Prosody 0.12 and 13. docs/deployment.md says how to install it.
--
--   VirtualHost "example.com"
--       modules_enabled = { "xmppservice" }
--       xmppservice_component = "xmpp-service.example.com"
--       xmppservice_permissions = { "exist", "read", "write", "list", "events" }
--
-- The component sends IQs to the host, namespace urn:xmppservice:roster:1:
--
--   get <exist><user name/>…</exist>
--       <exist> with the users that have an account
--   get <read><user name/>…</read>
--       for each user <user name ver><item jid name? subscription ask?><group>…</item>…</user>,
--       <missing name/>, <failed name/> (storage), <later name/> (ask again: the answer is full)
--   set <write><user name ver?><item jid name?><group>…</item>…</user>…</write>
--       for each user <user name ver written><refused jid condition/>…</user>, <missing name/>,
--       <failed name/>, <conflict name ver/> (ver is not the roster's: nothing was written)
--   get <list max? cursor?/>
--       <list cursor?><user name/>…</list>, with a cursor while there are more
--
-- The host sends the component messages with <registered name/> and <deleted name/>.
--
-- Copyright (c) 2026 the XMPP Service authors
--
-- Permission is hereby granted, free of charge, to any person obtaining a copy of this
-- software and associated documentation files (the "Software"), to deal in the Software
-- without restriction, including without limitation the rights to use, copy, modify,
-- merge, publish, distribute, sublicense, and/or sell copies of the Software, and to
-- permit persons to whom the Software is furnished to do so, subject to the following
-- conditions:
--
-- The above copyright notice and this permission notice shall be included in all copies
-- or substantial portions of the Software.
--
-- THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED,
-- INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR
-- PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE
-- LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT
-- OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR
-- OTHER DEALINGS IN THE SOFTWARE.

-- Prosody 13 finds its libraries by the names of 0.12, too.
local async = require "util.async";
local jid = require "util.jid";
local new_cache = require "util.cache".new;
local new_id = require "util.id".short;
local nodeprep = require "util.encodings".stringprep.nodeprep;
local now = require "util.time".monotonic;
local rostermanager = require "core.rostermanager";
local set = require "util.set";
local st = require "util.stanza";
local usermanager = require "core.usermanager";

local NS = "urn:xmppservice:roster:1";
local VERBS = { "exist", "read", "write", "list", "events" };
local MAX_ENTRIES = 1000; -- users or items of one request
local MAX_WAITING = 100; -- requests of one queue
local MAX_READ_ITEMS = 2000; -- of one answer, about
local USUAL_ITEM_BYTES = 200; -- of name and groups; a longer item counts as several
local MAX_LISTINGS = 4; -- each may hold a directory open
local MAX_UNSENT_PUSHES = 10000; -- writes wait while there are more
local PUSHES_IN_TURN = 50; -- of one owner, before the next owner's
local PAUSE_SECONDS = 0.001; -- between two slices of work, while everybody else is served
local MIN_SLICE_SECONDS, MAX_SLICE_SECONDS = 0.005, 0.25;
local SHARE = 0.25; -- a slice may be as long as this part of the pause before it

local host, host_session = module.host, prosody.hosts[module.host];
local bare_sessions = prosody.bare_sessions;
local component = module:get_option_string("xmppservice_component");
local permitted = module:get_option_set("xmppservice_permissions", VERBS);

if not component then
	module:log("error", "Set xmppservice_component to the component's domain: nobody is served without it");
	return;
end

module:add_feature(NS);
for _, verb in ipairs(VERBS) do
	if permitted:contains(verb) then module:add_feature(NS.."#"..verb); end
end
for word in permitted - set.new(VERBS) do
	module:log("warn", "xmppservice_permissions has an unknown word: %s", word);
end

-- Work in slices ----------------------------------------------------------------------

local slice_began, slice_seconds = 0, MIN_SLICE_SECONDS;

-- Let the server do everything else, once a slice is over. The more that is, the longer
-- the next slice: or a flood of stanzas would leave this module nearly no time.
local function breathe()
	local ended = now();
	if ended - slice_began > slice_seconds then
		async.sleep(PAUSE_SECONDS);
		slice_began = now();
		slice_seconds = math.min(MAX_SLICE_SECONDS, math.max(MIN_SLICE_SECONDS, SHARE * (slice_began - ended)));
	end
end

-- Return where a failure arose. Its message may name a user, so it is not logged.
local function place_of(failure)
	return tostring(failure):match("[^/%s]+%.lua:%d+") or "an unknown place";
end

-- Return a function that queues a task for `work`, which gets one after the other.
local function worker(work, on_failure)
	local runner;
	runner = async.runner(function (task)
		runner.data.task = task;
		breathe();
		work(task);
		runner.data.task = nil;
	end, {
		error = function (_, failure)
			module:log("error", "A task failed at %s", place_of(failure));
			on_failure(runner.data.task);
		end;
	}, {});
	return function (task) runner:run(task); end
end

-- Requests ----------------------------------------------------------------------------

-- Log one line without a name or a number of a user: how much was asked, and the outcomes.
local function audit(task, outcome)
	local parts = {};
	for name, count in pairs(task.outcomes) do table.insert(parts, count.." "..name); end
	table.sort(parts);
	if outcome then table.insert(parts, 1, outcome); end
	module:log("info", "%s of %d users, %d items: %s; %.0f ms", task.verb, task.users, task.items,
		parts[1] and table.concat(parts, ", ") or "nothing", 1000 * (now() - task.began));
end

local function count(task, outcome, by)
	if by ~= 0 then task.outcomes[outcome] = (task.outcomes[outcome] or 0) + (by or 1); end
end

local function send(task, reply, outcome)
	-- Logged first: a component that has the answer finds the line.
	audit(task, outcome);
	-- The stream may have ended meanwhile, and another one begun.
	if not task.origin.destroyed then task.origin.send(reply); end
end

local function refuse(task, kind, condition, text)
	send(task, st.error_reply(task.stanza, kind, condition, text), condition);
end

local function reply_to(task)
	return st.reply(task.stanza):tag(task.verb, { xmlns = NS });
end

local function new_queue()
	local queue = { waiting = 0 };
	queue.add = worker(function (task)
		queue.waiting = queue.waiting - 1;
		task.work(task);
	end, function (task)
		refuse(task, "wait", "internal-server-error");
	end);
	return queue;
end

-- A question does not wait behind a long write.
local questions, writes = new_queue(), new_queue();

local function is_ours(origin)
	return origin.type == "component" and origin.host == component;
end

local function serve(verb, kind, queue, work)
	module:hook("iq-"..kind.."/host/"..NS..":"..verb, function (event)
		local origin, stanza = event.origin, event.stanza;
		local task = {
			verb = verb, origin = origin, stanza = stanza, query = stanza.tags[1], work = work,
			began = now(), users = 0, items = 0, outcomes = {},
		};
		for user in task.query:childtags("user") do
			task.users = task.users + 1;
			task.items = task.items + #user.tags;
		end
		if not is_ours(origin) or not permitted:contains(verb) then
			refuse(task, "auth", "forbidden");
		elseif math.max(task.users, task.items) > MAX_ENTRIES then
			refuse(task, "modify", "policy-violation", "At most "..MAX_ENTRIES.." users or items");
		elseif queue.waiting >= MAX_WAITING then
			refuse(task, "wait", "resource-constraint", "Too many requests wait");
		else
			queue.waiting = queue.waiting + 1;
			-- The server has just done something else: it read this request.
			slice_began = now();
			queue.add(task);
		end
		return true;
	end);
end

-- Accounts ----------------------------------------------------------------------------

-- Return the localpart that the server uses for a <user/>, or nil.
local function localpart_of(user)
	local name = user.attr.name;
	return name and name ~= "" and nodeprep(name) or nil;
end

-- Drop what the server keeps of a roster. Its cache outlives accounts, so that the next
-- owner of a localpart would get the contacts of the one before.
local function drop_cached(name)
	local cache = host_session.roster_cache;
	if cache then cache:set(name.."@"..host, nil); end
end

local function exists(name)
	if not name then return false; end
	if usermanager.user_exists(name, host) then return true; end
	drop_cached(name);
	return false;
end

local account_store = module:open_store("accounts") or {};

-- Return whether the storage cannot tell of an account. The server calls it absent then.
local function is_unknowable(name)
	if not (name and account_store.get) then return false; end
	local called, _, failure = pcall(account_store.get, account_store, name);
	if called and not failure then return false; end
	module:log("error", "An account could not be read: the storage failed");
	return true;
end

-- Return nil if there is such an account, else the outcome for its user.
local function absence_of(name)
	if exists(name) then return nil; end
	return is_unknowable(name) and "failed" or "missing";
end

-- Return the roster, which is that of the sessions if there are any. Return nil if it
-- could not be read: an unreadable roster must not be cached or written.
local function load_roster(name)
	local called, roster, failure = pcall(rostermanager.load_roster, name, host);
	drop_cached(name);
	if called and not failure and not roster[false].broken then return roster; end
	module:log("error", "A roster could not be read: %s", called and "the storage failed" or place_of(roster));
	return nil;
end

-- Return whether a call that stores something has worked.
local function stored(called, saved)
	if called and saved then return true; end
	module:log("error", "A roster could not be saved: %s", called and "the storage failed" or place_of(saved));
	return false;
end

-- Return whether the roster was saved: all of it, or one contact.
local function save_roster(name, roster, contact)
	return stored(pcall(rostermanager.save_roster, name, host, roster, contact));
end

-- Return the version for the component. A roster that was never saved has none: Prosody
-- tells its clients 1, which is also the version after the first save.
local function version_of(roster)
	return tostring(roster[false].version or 0);
end

local function add_item(parent, contact, item)
	parent:tag("item", { jid = contact, subscription = item.subscription, ask = item.ask, name = item.name });
	for group in pairs(item.groups or {}) do parent:text_tag("group", group); end
	parent:up();
end

-- exist, read -------------------------------------------------------------------------

serve("exist", "get", questions, function (task)
	local reply, absent = reply_to(task), nil;
	for user in task.query:childtags("user") do
		local name = localpart_of(user);
		if exists(name) then
			reply:tag("user", { name = user.attr.name }):up();
			count(task, "exist");
		else
			absent = name or absent;
		end
		breathe();
	end
	-- One of many is enough: a storage that has failed has not told of any.
	if is_unknowable(absent) then
		refuse(task, "wait", "internal-server-error");
	else
		send(task, reply);
	end
end);

-- Return how many usual items an item is as long as. A name may have 256 KiB.
local function size_of(item)
	local bytes = #(item.name or "");
	for group in pairs(item.groups or {}) do bytes = bytes + #group; end
	return 1 + math.floor(bytes / USUAL_ITEM_BYTES);
end

-- Add an owner's roster to the reply; return how many items it has, and their size.
local function add_roster(reply, user, roster)
	-- A change during a pause makes this version an old one, on which no write succeeds.
	reply:tag("user", { name = user.attr.name, ver = version_of(roster) });
	local contacts = {};
	for contact in pairs(roster) do
		if contact and contact ~= "pending" then table.insert(contacts, contact); end
	end
	local size = 0;
	for _, contact in ipairs(contacts) do
		local item = roster[contact];
		if item then
			add_item(reply, contact, item);
			size = size + size_of(item);
		end
		breathe();
	end
	reply:up();
	return #contacts, size;
end

serve("read", "get", questions, function (task)
	local reply, size = reply_to(task), 0;
	local function add(outcome, user)
		reply:tag(outcome, { name = user.attr.name }):up();
		count(task, outcome);
	end
	for user in task.query:childtags("user") do
		local name = localpart_of(user);
		local absence = size < MAX_READ_ITEMS and absence_of(name);
		if size >= MAX_READ_ITEMS then
			add("later", user);
		elseif absence then
			add(absence, user);
		else
			local roster = load_roster(name);
			if roster then
				local items, own_size = add_roster(reply, user, roster);
				size = size + own_size;
				count(task, "users read");
				count(task, "items read", items);
			else
				add("failed", user);
			end
		end
		breathe();
	end
	send(task, reply);
end);

-- Pushes ------------------------------------------------------------------------------

-- RFC 6121, section 2.1.6: a push has exactly one item. Prosody compares versions for
-- equality only, so a client that misses a push must not know the roster's version: one
-- save raises the version by the number of its items, and each push has its own. What
-- others change between the pushes is pushed at once, with the version that the roster
-- has then. So that version is raised once more before any client asks with it, and
-- stored when the pushes end, with the last contact pushed again.
--
-- By owner: what is to be pushed, and the version after all of it.
local unsent, unsent_count = {}, 0;

local function push(user, contact, version)
	local item = user.roster[contact];
	local stanza = st.iq({ type = "set", id = new_id() })
		:tag("query", { xmlns = "jabber:iq:roster", ver = version });
	if item then
		add_item(stanza, contact, item);
	else
		stanza:tag("item", { jid = contact, subscription = "remove" }):up();
	end
	stanza:reset();
	for _, session in pairs(user.sessions) do
		if session.interested then session.send(stanza); end
	end
end

-- Raise the version of a roster that others have changed since the last write.
local function raise_version(queue, roster)
	local metadata = roster[false];
	if type(metadata.version) == "number" and metadata.version ~= queue.version then
		metadata.version = metadata.version + 1;
		queue.version, queue.raised = metadata.version, true;
	end
end

local function end_pushes(name, queue)
	unsent[name] = nil;
	unsent_count = unsent_count - (#queue - queue.sent);
	local roster = exists(name) and load_roster(name);
	if not roster then return; end
	raise_version(queue, roster);
	if queue.raised then
		local contact = queue[#queue].contact;
		save_roster(name, roster, contact);
		rostermanager.roster_push(name, host, contact);
	end
end

local push_in_turn;

push_in_turn = worker(function (name)
	local queue = unsent[name];
	for _ = 1, PUSHES_IN_TURN do
		local user, next_push = host_session.sessions[name], queue[queue.sent + 1];
		if not next_push or not (user and user.roster) then
			end_pushes(name, queue);
			return;
		end
		push(user, next_push.contact, next_push.version);
		queue.sent, unsent_count = queue.sent + 1, unsent_count - 1;
		breathe();
	end
	push_in_turn(name);
end, function (name)
	if unsent[name] then end_pushes(name, unsent[name]); end
end);

-- Before mod_roster compares the client's version.
module:hook("iq/self/jabber:iq:roster:query", function (event)
	local session, queue = event.origin, unsent[event.origin.username];
	if queue and session.roster and event.stanza.attr.type == "get" then
		raise_version(queue, session.roster);
	end
end, 10);

-- Push these contacts, the last one with `version`, which the roster has now.
local function announce(name, contacts, version)
	local queue = unsent[name];
	if not queue then
		if not host_session.sessions[name] then return; end
		queue = { sent = 0 };
	end
	for place, contact in ipairs(contacts) do
		local own = type(version) == "number" and version - #contacts + place or version;
		table.insert(queue, { contact = contact, version = tostring(own) });
	end
	queue.version = version;
	unsent_count = unsent_count + #contacts;
	if not unsent[name] then
		unsent[name] = queue;
		push_in_turn(name);
	end
end

-- write -------------------------------------------------------------------------------

-- Return what an <item/> asks for, or nil and a condition, as mod_roster refuses it.
local function item_of(tag, owner)
	local contact = jid.prep(tag.attr.jid);
	if not contact or jid.resource(contact) or contact == "pending" then return nil, "bad-request"; end
	if contact == owner then return nil, "not-allowed"; end
	if tag.attr.subscription == "remove" then return nil, "bad-request"; end
	local groups = {};
	for group in tag:childtags("group") do
		local text = group:get_text();
		if text and text ~= "" then groups[text] = true; end
	end
	local name = tag.attr.name;
	return { contact = contact, name = name ~= "" and name or nil, groups = groups };
end

-- Return a <user/>'s items, and the refusals of the others.
local function items_of(user, owner)
	local items, refusals = {}, {};
	for tag in user:childtags("item") do
		local item, condition = item_of(tag, owner);
		if item then
			table.insert(items, item);
		else
			table.insert(refusals, { jid = tag.attr.jid, condition = condition });
		end
		breathe();
	end
	return items, refusals;
end

-- Put the items on a roster; return the contacts, and what they were before.
local function merge(roster, items)
	local contacts, before = {}, {};
	for _, item in ipairs(items) do
		local contact, old = item.contact, roster[item.contact];
		if before[contact] == nil then
			before[contact] = old or false;
			table.insert(contacts, contact);
		end
		-- Subscription, ask and pre-approval stay as they are.
		local new = { subscription = "none" };
		for key, value in pairs(old or {}) do new[key] = value; end
		new.name, new.groups = item.name, item.groups;
		roster[contact] = new;
	end
	return contacts, before;
end

local contact_store = module:open_store("roster", "map") or {};

-- Return whether it is cheaper to store these contacts than the whole roster.
local function are_few(contacts, roster)
	-- SQL has a row a contact. For files, Prosody wraps the store of whole rosters.
	if contact_store.keyval_store or not contact_store.set_keys then return false; end
	local size = 0;
	for _ in pairs(roster) do size = size + 1; end
	-- Each of them is deleted and inserted.
	return 2 * #contacts < size;
end

local function save_contacts(name, roster, contacts)
	if not are_few(contacts, roster) then return save_roster(name, roster); end
	local metadata = roster[false];
	if type(metadata.version) == "number" then metadata.version = metadata.version + 1; end
	local rows = { [false] = metadata };
	for _, contact in ipairs(contacts) do rows[contact] = roster[contact]; end
	return stored(pcall(contact_store.set_keys, contact_store, name, rows));
end

-- Save all of the items at once; return the contacts, or nil: nothing was changed.
local function save_items(name, roster, items)
	local metadata = roster[false];
	local version = metadata.version;
	local contacts, before = merge(roster, items);
	if #contacts == 0 then return contacts; end
	if type(version) == "number" or version == nil then
		-- Saving adds one more. Clients know a roster that was never saved as version 1.
		metadata.version = (version or 1) + #contacts - 1;
	end
	if save_contacts(name, roster, contacts) then return contacts; end
	metadata.version = version;
	for contact, old in pairs(before) do roster[contact] = old or nil; end
	return nil;
end

-- Write one owner's items; return the outcome, with the attributes of its element.
local function write(name, wanted_version, items)
	-- Without a pause from here to the save: the account may have gone before.
	local absence = absence_of(name);
	if absence then return absence, {}; end
	local roster = load_roster(name);
	if not roster then return "failed", {}; end
	local version = version_of(roster);
	if wanted_version and wanted_version ~= version then return "conflict", { ver = version }; end
	local contacts = save_items(name, roster, items);
	if not contacts then return "failed", {}; end
	announce(name, contacts, roster[false].version);
	return "user", { ver = version_of(roster), written = tostring(#contacts) }, #contacts;
end

serve("write", "set", writes, function (task)
	local reply = reply_to(task);
	for user in task.query:childtags("user") do
		while unsent_count > MAX_UNSENT_PUSHES do async.sleep(PAUSE_SECONDS); end
		local name, items, refusals = localpart_of(user), {}, {};
		if name then items, refusals = items_of(user, name.."@"..host); end
		local outcome, attributes, written = write(name, user.attr.ver, items);
		attributes.name = user.attr.name;
		reply:tag(outcome, attributes);
		if outcome == "user" then
			for _, refusal in ipairs(refusals) do reply:tag("refused", refusal):up(); end
			count(task, "items written", written);
			count(task, "items refused", #refusals);
		end
		reply:up();
		count(task, outcome == "user" and "users written" or outcome);
		breathe();
	end
	send(task, reply);
end);

-- list --------------------------------------------------------------------------------

-- By cursor. The oldest is dropped for a new one, and its component begins again.
local listings = new_cache(MAX_LISTINGS);

local function new_listing()
	local next_name, state, name = usermanager.users(host);
	-- LDAP, for example, cannot list its accounts.
	return type(next_name) == "function" and { next = next_name, state = state, name = name } or nil;
end

serve("list", "get", questions, function (task)
	local max, cursor = tonumber(task.query.attr.max or MAX_ENTRIES), task.query.attr.cursor;
	if not max or max < 1 then
		refuse(task, "modify", "bad-request", "max is a number of users");
		return;
	end
	local listing = cursor and listings:get(cursor);
	if cursor and not listing then
		refuse(task, "cancel", "item-not-found", "No such cursor: begin again");
		return;
	end
	listing = listing or new_listing();
	if not listing then
		refuse(task, "cancel", "feature-not-implemented", "This storage cannot list accounts");
		return;
	end
	if cursor then listings:set(cursor, nil); end
	local reply, listed = reply_to(task), 0;
	repeat
		listing.name = listing.next(listing.state, listing.name);
		if listing.name then
			reply:tag("user", { name = listing.name }):up();
			listed = listed + 1;
		end
		breathe();
	until not listing.name or listed >= math.min(max, MAX_ENTRIES);
	if listing.name then
		local next_cursor = new_id();
		listings:set(next_cursor, listing);
		reply.tags[1].attr.cursor = next_cursor;
	end
	count(task, "listed", listed);
	send(task, reply);
end);

-- events, and the server's cache ------------------------------------------------------

local function tell(event, name)
	if permitted:contains("events") then
		module:send(st.message({ from = host, to = component }):tag(event, { xmlns = NS, name = name }));
	end
end

module:hook("user-registered", function (event)
	if not bare_sessions[event.username.."@"..host] then drop_cached(event.username); end
	tell("registered", event.username);
end);

-- After mod_roster's, which loads the roster once more.
module:hook_global("user-deleted", function (event)
	if event.host ~= host then return; end
	drop_cached(event.username);
	tell("deleted", event.username);
end, -100);

-- The first session of a user reads the roster from storage: prosodyctl may have deleted
-- the account that the cached one belongs to.
module:hook("pre-resource-bind", function (event)
	local name = event.session.username;
	if not bare_sessions[name.."@"..host] then drop_cached(name); end
end);
