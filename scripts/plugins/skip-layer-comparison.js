/**
 * Lets `serverless package` run without network and credentials: as soon as there is a layer, osls 4.3.1 asks CloudFormation
 * whether the layer was uploaded before, only to save the upload. A deploy still asks. `compareWithLastLayer` is not a public
 * method: the exact version of osls is pinned, and packaging fails here if it is gone.
 */
export default class SkipLayerComparison {
  constructor(serverless) {
    this.hooks = {
      initialize: () => {
        if (serverless.processedInput.commands[0] !== 'package') return
        const layers = serverless.pluginManager.getPlugins().find(({ constructor }) => constructor.name === 'AwsCompileLayers')
        if (typeof layers?.compareWithLastLayer !== 'function')
          throw new serverless.classes.Error('osls compiles layers in another way: see skip-layer-comparison.js')
        layers.compareWithLastLayer = async () => {}
      },
    }
  }
}
