// Launcher cards and palette commands that make a notebook from one of Aura's templates.
// A federated module of JupyterLab, written by hand: it bundles nothing and takes what it needs from the shared scope.
(() => {
  'use strict';

  const CATEGORY = 'Aura';
  const KINDS = {
    research: {
      label: 'Research notebook',
      caption: 'From a question to a verdict, in notebooks/research',
      lines: 'M3 3v18h18 M7 15l4-5 3 3 2-3',
      accent: 'M16.5 6.5m-3.2 0a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0 -6.4 0 M18.9 8.9L21.5 11.5'
    },
    strategy: {
      label: 'Strategy notebook',
      caption: 'A rule of your own, tested at once, in notebooks/strategies',
      lines: 'M3 3v18h18',
      accent: 'M6.5 16.5l4-4.5 3.5 3 6-8.5 M15.6 6.2l4.6 -.2 .5 4.6'
    },
    dashboard: {
      label: 'Dashboard',
      caption: 'A page that shows one thing a cell, in dashboards',
      lines: 'M3.5 3.5h17v6h-17z M3.5 13h7v7.5h-7z',
      accent: 'M14 13h6.5v7.5h-6.5z M16 18v-1.5 M18.5 18v-3'
    }
  };

  let shared;

  // A package as JupyterLab itself uses it.
  async function load(name) {
    const versions = Object.values(shared[name] ?? {});
    if (!versions.length) {
      throw new Error(`JupyterLab shares no ${name}`);
    }
    const factory = await (versions.find(version => version.loaded) ?? versions[0]).get();
    return factory();
  }

  function picture({ lines, accent }) {
    const path = (d, look) =>
      `<path fill="none" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" ${look} d="${d}"/>`;
    return (
      '<svg xmlns="http://www.w3.org/2000/svg" width="24" viewBox="0 0 24 24">' +
      path(lines, 'class="jp-icon3" stroke="#616161" style="fill:none"') +
      path(accent, 'stroke="#2b8ac6"') +
      '</svg>'
    );
  }

  async function plugin() {
    const [{ ILauncher }, apputils, { LabIcon }, { ServerConnection }, { URLExt }] = await Promise.all(
      ['launcher', 'apputils', 'ui-components', 'services', 'coreutils'].map(name => load(`@jupyterlab/${name}`))
    );
    const { ICommandPalette, InputDialog, showErrorMessage } = apputils;

    async function ask(server, method, given) {
      const query = method === 'GET' ? URLExt.objectToQueryString(given) : '';
      const body = method === 'GET' ? {} : { body: JSON.stringify(given) };
      const url = URLExt.join(server.baseUrl, 'aura/api/new') + query;
      const response = await ServerConnection.makeRequest(url, { method, ...body }, server);
      const answer = await response.json().catch(() => ({}));
      if (!response.ok) {
        throw new Error(answer.message || `the server answered ${response.status}`);
      }
      return answer;
    }

    // Ask for a name until a notebook bears it; the opened document, or nothing when the question was cancelled.
    async function create(app, kind) {
      const title = `New ${KINDS[kind].label.toLowerCase()}`;
      const server = app.serviceManager.serverSettings;
      try {
        let { name } = await ask(server, 'GET', { kind });
        for (;;) {
          const answer = await InputDialog.getText({
            title,
            label: 'Name (letters, digits and underscores)',
            text: name,
            okLabel: 'Create'
          });
          if (!answer.button.accept) {
            return;
          }
          name = (answer.value ?? '').trim();
          try {
            const { path } = await ask(server, 'POST', { kind, name });
            return await app.commands.execute('docmanager:open', { path });
          } catch (error) {
            await showErrorMessage(title, error);
          }
        }
      } catch (error) {
        await showErrorMessage(title, error);
      }
    }

    function activate(app, launcher, palette) {
      Object.entries(KINDS).forEach(([kind, { label, caption, ...drawing }], rank) => {
        const command = `aura:new-${kind}`;
        const icon = new LabIcon({ name: `aura:${kind}`, svgstr: picture(drawing) });
        app.commands.addCommand(command, {
          label: args => (args.isPalette ? `Aura: new ${label.toLowerCase()}` : label),
          caption,
          icon: args => (args.isPalette ? undefined : icon),
          describedBy: { args: { type: 'object', properties: {} } },
          execute: () => create(app, kind)
        });
        launcher.add({ command, category: CATEGORY, rank, categoryRank: -1 });
        palette?.addItem({ command, category: CATEGORY, args: { isPalette: true } });
      });
    }

    return {
      id: 'aura-launcher:plugin',
      description: 'Makes research notebooks, strategy notebooks and dashboards from templates.',
      autoStart: true,
      requires: [ILauncher],
      optional: [ICommandPalette],
      activate
    };
  }

  (window._JUPYTERLAB ??= {})['aura-launcher'] = {
    init: scope => {
      shared = scope;
    },
    get: async module => {
      if (module !== './extension') {
        throw new Error(`aura-launcher has no module ${module}`);
      }
      const made = { __esModule: true, default: await plugin() };
      return () => made;
    }
  };
})();
