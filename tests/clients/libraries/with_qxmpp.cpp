// QXmpp: elements as extensions of messages and presence, and two of its managers.

#include <QCoreApplication>
#include <QCryptographicHash>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTimer>
#include <QXmppClient.h>
#include <QXmppMessage.h>
#include <QXmppMessageReceiptManager.h>
#include <QXmppUtils.h>
#include <QXmppVCardIq.h>
#include <QXmppVCardManager.h>
#include <cstdio>

static const QString COMMAND = "urn:xmppservice:command:1";
static const QString DOCUMENT = "urn:xmppservice:document:1";

static void say(const QJsonObject &result)
{
    puts(QJsonDocument(result).toJson(QJsonDocument::Compact).constData());
    fflush(stdout);
}

static QString sha1(const QString &text)
{
    return QCryptographicHash::hash(text.toUtf8(), QCryptographicHash::Sha1).toHex();
}

static QXmppElement element(const QString &name, const QString &value)
{
    QXmppElement made;
    made.setTagName(name);
    made.setValue(value);
    return made;
}

// A namespaced child of a stanza that QXmpp does not know.
static QXmppElement extension(const QXmppStanza &stanza, const QString &name, const QString &ns)
{
    for (const auto &one : stanza.extensions())
        if (one.tagName() == name && one.attribute("xmlns") == ns) return one;
    return {};
}

class Program : public QObject
{
public:
    Program(const QString &jid, const QString &service) : service(service)
    {
        vcards = client.findExtension<QXmppVCardManager>();
        auto *receipts = new QXmppMessageReceiptManager;
        client.addExtension(receipts);
        connect(&client, &QXmppClient::connected, this, [this] { readDocument(); });
        connect(&client, &QXmppClient::error, this, [this] { fail("The connection ended."); });
        connect(&client, &QXmppClient::messageReceived, this, &Program::onMessage);
        connect(&client, &QXmppClient::presenceReceived, this, &Program::onPresence);
        connect(receipts, &QXmppMessageReceiptManager::messageDelivered, this, [] {
            say({{"receipt", true}});
        });
        connect(vcards, &QXmppVCardManager::vCardReceived, this, &Program::onVcard);
        connect(&patience, &QTimer::timeout, this, [this] {
            fail(awaited + " did not come within 30 seconds.");
        });
        waitFor("The document");

        QXmppConfiguration configuration;
        configuration.setJid(jid);
        configuration.setResource("qxmpp");
        configuration.setPassword(qEnvironmentVariable("PASSWORD"));
        configuration.setHost(qEnvironmentVariable("XMPP_HOST"));
        configuration.setPort(qEnvironmentVariableIntValue("XMPP_PORT"));
        // In the clear: for a server on this machine, and for no other.
        configuration.setStreamSecurityMode(QXmppConfiguration::TLSDisabled);
        client.connectToServer(configuration);
    }

private:
    void waitFor(const QString &what)
    {
        awaited = what;
        patience.start(30000);
    }

    void fail(const QString &why)
    {
        if (done) return;
        fprintf(stderr, "%s\n", qPrintable(why));
        QCoreApplication::exit(1);
    }

    void readDocument() { vcards->requestVCard(service); }

    void onVcard(const QXmppVCardIq &vcard)
    {
        if (vcard.from() != service) return; // the user's own
        const QString digest = sha1(vcard.description());
        if (awaited == "The document") {
            say({{"document", digest}});
            send("cmd_add_to_roster", "channelUsers", "CONTACTS", QXmppUtils::generateStanzaUuid());
            return waitFor("cmd_add_to_roster");
        }
        say({{"change", hash}, {"document", digest}});
        done = true;
        client.disconnectFromServer();
        QCoreApplication::exit(0);
    }

    void send(const QString &word, const QString &key, const char *variable, const QString &id)
    {
        const auto list = QJsonDocument::fromJson(qgetenv(variable)).array();
        const auto payload = QJsonDocument(QJsonObject{{key, list}}).toJson(QJsonDocument::Compact);
        QXmppElement x;
        x.setTagName("x");
        x.setAttribute("xmlns", COMMAND);
        x.appendChild(element("type", word));
        x.appendChild(element("action", word));
        x.appendChild(element("payload", payload));

        // QXmpp writes no empty body of its own.
        QXmppMessage message({}, service);
        message.setId(id);
        message.setExtensions({element("body", {}), x});
        message.addHint(QXmppMessage::NoCopy);
        message.setReceiptRequested(true);
        client.sendPacket(message);
    }

    void onMessage(const QXmppMessage &message)
    {
        const auto x = extension(message, "x", COMMAND);
        if (x.isNull() || message.from() != service) return;
        const auto payload = x.firstChildElement("payload").value().toUtf8();
        say({{awaited, QJsonDocument::fromJson(payload).object()}});
        if (awaited == "repeat") {
            QXmppPresence subscribe(QXmppPresence::Subscribe);
            subscribe.setTo(service);
            client.sendPacket(subscribe);
            return waitFor("subscribed");
        }
        send("cmd_search_users", "userList", "NUMBERS", searchId);
        waitFor(awaited == "cmd_add_to_roster" ? "cmd_search_users" : "repeat");
    }

    void onPresence(const QXmppPresence &presence)
    {
        const auto document = extension(presence, "document", DOCUMENT);
        const QString announced = document.attribute("hash");
        const bool ours = QXmppUtils::jidToBareJid(presence.from()) == service;
        if (document.isNull() || !ours || announced == hash) return;
        hash = announced;
        if (awaited == "subscribed") {
            say({{"subscribed", hash}});
            waitFor("change");
        } else if (awaited == "change") {
            waitFor("The new document");
            readDocument();
        }
    }

    const QString service;
    const QString searchId = QXmppUtils::generateStanzaUuid();
    QXmppClient client;
    QXmppVCardManager *vcards;
    QTimer patience;
    QString awaited, hash;
    bool done = false;
};

int main(int count, char **words)
{
    QCoreApplication application(count, words);
    if (count != 3) return 2;
    Program program(words[1], words[2]);
    return application.exec();
}
