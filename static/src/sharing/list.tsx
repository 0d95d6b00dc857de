/** Links in force: one's own, or as an administrator all of the hospital's. */
import './sharing.css';
import { useEffect, useState } from 'preact/hooks';
import { explain } from '../common/explain';
import { dateTime, relative } from '../common/i18n';
import { Icon } from '../common/icons';
import { common } from '../common/strings';
import { Button, Dialog, Notice, toast } from '../common/ui';
import { Prepared } from './dialog';
import { administered, confirm, detail, own, revoke, type GuestVisit, type LinkDetail, type ShareLink } from './links';
import { words } from './strings';
import { Waiting } from './waiting';

const ASK_MS = 5000;

export function OwnLinks() {
  return <main class="links-page"><Links admin={false} /></main>;
}

export function AllLinks() {
  return <Links admin />;
}

function Links({ admin }: { admin: boolean }) {
  const [links, setLinks] = useState<ShareLink[] | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [ending, setEnding] = useState<ShareLink | null>(null);
  const load = (): void => {
    (admin ? administered() : own()).then(
      (found) => {
        setLinks(found);
        setFailure(null);
      },
      (error: unknown) => setFailure(explain(error)),
    );
  };
  useEffect(() => {
    load();
    const timer = setInterval(load, ASK_MS);
    return () => clearInterval(timer);
  }, []);
  const standing = links?.filter((one) => one.in_force) ?? [];
  const over = links?.filter((one) => !one.in_force) ?? [];
  return (
    <div class="links" data-testid="links">
      <header class="links-head"><h1>{words('links.title')}</h1><p class="muted">{words(admin ? 'links.admin.text' : 'links.text')}</p></header>
      {failure && <Notice kind="bad">{failure}</Notice>}
      {links?.length === 0 && <div class="links-none"><Icon name="link" size={28} /><p>{words('links.none')}</p>{!admin && <p class="muted">{words('links.none.text')}</p>}</div>}
      {standing.map((one) => <Row key={one.id} link={one} admin={admin} onRevoke={() => setEnding(one)} onChanged={load} />)}
      {over.length > 0 && (
        <details class="links-over">
          <summary>{words('links.ended', { count: over.length })}</summary>
          {over.map((one) => <Row key={one.id} link={one} admin={admin} onChanged={load} />)}
        </details>
      )}
      {ending && <Revoke link={ending} admin={admin} onClose={() => { setEnding(null); load(); }} />}
    </div>
  );
}

function Row({ link, admin, onRevoke, onChanged }: { link: ShareLink; admin: boolean; onRevoke?: () => void; onChanged: () => void }) {
  const [open, setOpen] = useState(false);
  return (
    <article class="link-row" data-testid="link-row">
      <div class="link-what">
        <strong>{link.consult ? <a href={`#/consult/from_me/${link.consult}`}>{words('kind.consult')}</a> : link.purpose}</strong>
        <span class="muted">{[link.recipient, admin ? link.maker : '', words('kind.studies', { count: link.studies })].filter(Boolean).join(' · ')}</span>
      </div>
      <ul class="link-facts">
        <li class={link.anonymise ? 'state state-on' : 'state state-warn'}>{words(link.anonymise ? 'kind.anonymised' : 'kind.named')}, {words(link.download ? 'kind.take' : 'kind.look')}</li>
        {!link.consult && <li title={words('col.opens')}><Icon name="eye" size={14} />{link.opens}/{link.max_opens}</li>}
        {link.consult && link.in_force ? <li>{words('until.consult')}</li> : <li title={relative(link.expires_at, Date.now())}>{words('col.until')} {dateTime(link.expires_at)}</li>}
        <li data-testid="link-state">{link.state === 'preparing' ? words('state.preparing', { done: link.images.done, total: link.images.total }) : words(`state.${link.state}`)}</li>
        {link.in_force && link.images.left > 0 && <li class="link-left"><Icon name="warning" size={14} />{words('notYet', { count: link.images.left })}</li>}
      </ul>
      <div class="link-acts">
        <Button kind="ghost" icon="down" aria-expanded={open} onClick={() => setOpen(!open)} data-testid="link-details">{words('details')}</Button>
        {onRevoke && <Button kind="danger" onClick={onRevoke} data-testid="link-revoke">{words('revoke')}</Button>}
      </div>
      {open && (admin ? <Guests guests={link.guests ?? []} /> : <Details id={link.id} onChanged={onChanged} />)}
    </article>
  );
}

function Details({ id, onChanged }: { id: number; onChanged: () => void }) {
  const [link, setLink] = useState<LinkDetail | null>(null);
  const load = (): void => void detail(id).then(setLink, () => undefined);
  useEffect(() => {
    load();
    const timer = setInterval(load, ASK_MS);
    return () => clearInterval(timer);
  }, [id]);
  if (!link) return <p class="muted link-more">{common('loading')}</p>;
  return (
    <div class="link-more">
      {link.anonymise && link.in_force && <Prepared link={link} />}
      {link.in_force && <Waiting series={link.series} confirm={(series) => confirm(link.id, series)} onConfirmed={() => { load(); onChanged(); }} />}
      <Guests guests={link.guests} />
    </div>
  );
}

function Guests({ guests }: { guests: readonly GuestVisit[] }) {
  return (
    <section class="link-more">
      <h3>{words('guests')}</h3>
      {guests.length === 0 ? <p class="muted">{words('guests.none')}</p> : (
        <ul class="guests" data-testid="guests">
          {guests.map((one) => (
            <li key={`${one.at}${one.address}`}><strong>{one.name}</strong><span>{one.institution}</span><span class="muted">{dateTime(one.at)}</span><span class="muted">{one.address}</span></li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Revoke({ link, admin, onClose }: { link: ShareLink; admin: boolean; onClose: () => void }) {
  const [busy, setBusy] = useState(false);
  const act = async (): Promise<void> => {
    setBusy(true);
    try {
      await revoke(link.id, admin);
      toast(words('revoke.done'));
    } catch (error) {
      toast(explain(error), 'bad');
    }
    onClose();
  };
  return (
    <Dialog title={words('revoke')} onClose={onClose} testid="revoke-dialog"
      footer={<><Button onClick={onClose}>{common('cancel')}</Button><Button kind="danger" busy={busy} onClick={() => void act()} data-testid="revoke-do">{words('revoke')}</Button></>}>
      <p><strong>{link.purpose}</strong></p>
      <p class="muted">{words('revoke.sure')}</p>
    </Dialog>
  );
}
