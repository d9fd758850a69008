/** Self-contained pages. Scripts and styles are constants, so that their hashes can stand in the Content-Security-Policy. */

export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

export const STYLE = `
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--accent:#3564d8}
*{box-sizing:border-box}
body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:0 auto;padding:1.5rem}
header{display:flex;align-items:baseline;gap:1rem;border-bottom:1px solid var(--line);margin-bottom:1rem}
header h1{font-size:1.3rem;margin:0 0 .5rem;letter-spacing:.02em}
header>a{margin-left:auto}
nav a{margin-right:1rem}
main.narrow{max-width:22rem;margin:15vh auto 0}
h2{font-size:1rem;margin:1.6rem 0 .4rem}
a{color:var(--accent)}
table{width:100%;border-collapse:collapse}
th{font-weight:600;text-align:left;font-size:.8rem;opacity:.7}
th,td{padding:.35rem .6rem .35rem 0;border-bottom:1px solid var(--soft);vertical-align:top;overflow-wrap:anywhere}
.empty,.note{opacity:.7}
.bad{color:#c22}
.good{color:#2a8a3e}
form{display:grid;gap:.8rem}
label{display:grid;gap:.2rem;font-size:.85rem}
input,button{font:inherit;padding:.55rem .7rem;border-radius:.4rem;border:1px solid var(--line);background:transparent;color:inherit}
button{background:var(--accent);border-color:var(--accent);color:#fff;cursor:pointer}
`;

export const HOME_SCRIPT = `
const byId=(id)=>document.getElementById(id);
const cell=(value)=>{const td=document.createElement('td');value instanceof Node?td.append(value):td.textContent=value??'';return td};
const mark=(text,kind)=>{const span=document.createElement('span');span.className=kind;span.textContent=text;return span};
const link=(text,href)=>{const a=document.createElement('a');a.textContent=text;a.href=href;return a};
const fill=(id,rows,columns)=>{const body=byId(id);body.replaceChildren(...rows.map((row)=>{const tr=document.createElement('tr');
for(const column of columns)tr.append(cell(column(row)));return tr}));byId(id+'-none').hidden=rows.length>0};
const state=(task)=>task.healthy===false?mark('unhealthy','bad'):mark(task.state.replace('TASK_','').toLowerCase(),task.state==='TASK_RUNNING'?'good':'note');
const show=(c)=>{
byId('counts').textContent=['app','task','agent','framework'].map((one)=>{const n=c.counts[one+'s'];return n+' '+one+(n===1?'':'s')}).join(', ');
byId('pages').replaceChildren(...c.pages.map((p)=>link(p.title,p.path)));
fill('apps',c.apps,[(a)=>link(a.name,a.path),(a)=>a.running+' of '+a.instances+' running',(a)=>a.unhealthy?mark(a.unhealthy+' unhealthy','bad'):a.healthy?mark(a.healthy+' healthy','good'):'',(a)=>a.public?'public':'']);
fill('tasks',c.tasks,[(t)=>t.id,(t)=>t.framework,state,(t)=>t.host?t.host+(t.ports.length?':'+t.ports.join(', '):''):'']);
fill('agents',c.agents,[(a)=>link(a.id,'/agent/'+encodeURIComponent(a.id)+'/state'),(a)=>a.host+':'+a.port]);
fill('frameworks',c.frameworks,[(f)=>f.name,(f)=>f.id,(f)=>f.active?mark('active','good'):mark('inactive','note')]);
};
const signIn=()=>location.replace('/login?redirect='+encodeURIComponent(location.pathname));
const start=async()=>{
const first=await fetch('/router/v1/cluster',{headers:{accept:'application/json'}});
if(first.status===401)return signIn();
if(first.ok)show(await first.json());
const events=new EventSource('/router/v1/cluster/events');
events.addEventListener('cluster',(event)=>{byId('live').textContent='live';show(JSON.parse(event.data))});
events.onerror=()=>{byId('live').textContent='connection lost, trying again';if(events.readyState===2)setTimeout(()=>location.reload(),3000)};
};
start().catch(()=>{byId('live').textContent='the router does not answer';setTimeout(()=>location.reload(),3000)});
`;

const page = (title: string, body: string, script = '', head = ''): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
  `<title>${escapeHtml(title)}</title><style>${STYLE}</style>${head}</head><body>${body}` +
  `${script && `<script>${script}</script>`}</body></html>`;

const table = (id: string, title: string, columns: readonly string[]): string =>
  `<h2>${title}</h2><table><thead><tr>${columns.map((column) => `<th>${column}</th>`).join('')}</tr></thead>` +
  `<tbody id="${id}"></tbody></table><p class="empty" id="${id}-none">none</p>`;

export const homePage = (clusterName: string): string =>
  page(
    clusterName,
    `<header><h1>${escapeHtml(clusterName)}</h1><span id="counts"></span><span class="note" id="live"></span>` +
      `<nav id="pages" aria-label="Pages of plugins"></nav>` +
      `<a href="/acs/api/v1/auth/logout">Sign out</a></header><main>` +
      table('apps', 'Apps', ['App', 'Instances', 'Health', '']) +
      table('tasks', 'Tasks', ['Task', 'Framework', 'State', 'Address']) +
      table('agents', 'Agents', ['Agent', 'Address']) +
      table('frameworks', 'Frameworks', ['Framework', 'Id', 'State']) +
      '</main>',
    HOME_SCRIPT,
  );

export const loginPage = (clusterName: string, redirect: string, problem?: string): string =>
  page(
    `Sign in to ${clusterName}`,
    `<main class="narrow"><h1>${escapeHtml(clusterName)}</h1>` +
      (problem === undefined ? '' : `<p class="bad" role="alert">${escapeHtml(problem)}</p>`) +
      `<form method="post" action="/login"><input type="hidden" name="redirect" value="${escapeHtml(redirect)}">` +
      `<label>User<input name="uid" autocomplete="username" required autofocus></label>` +
      `<label>Password<input name="password" type="password" autocomplete="current-password" required></label>` +
      `<button>Sign in</button></form></main>`,
  );

export const errorPage = (status: number, title: string, reason: string): string =>
  page(
    `${status} ${title}`,
    `<main class="narrow"><h1>${status} ${escapeHtml(title)}</h1><p>${escapeHtml(reason)}</p><p><a href="/">Start page</a></p></main>`,
  );

/** For browsers without a token: the way to the sign-in form. */
export function signInPage(path: string): string {
  const href = `/login?redirect=${escapeHtml(encodeURIComponent(path))}`;
  const body = `<main class="narrow"><h1>Sign in</h1><p><a href="${href}">This page needs a user.</a></p></main>`;
  return page('Sign in', body, '', `<meta http-equiv="refresh" content="0;url=${href}">`);
}
